/* What convolutions of float32 on the matrix unit of x86 processors (AMX) share.

   The unit multiplies bfloat16 and adds in float32, at sixteen times the rate of float32 vectors. A float32 number is
   the sum of three bfloat16 numbers, of 8 bits each, without a remainder. Of the nine products of two such sums six are
   taken; those left out are below 2^-24 of the whole. Results are as exact as float32's own, in less than half the
   time, where products are above 2^-100; the unit takes numbers below 2^-126, parts of larger ones too, for zero. Where
   a result is odd (not finite, or about to be) the caller does without.

   A frame is channels-last: planes of rows of W pixels of C channels; a frame with two axes has planes of one row. It
   is copied, in three parts, into a grid with zeros between rows and between planes: the zeros after one row are those
   before the next. A tap of the kernel is then a distance in pixels, and neighbouring taps of a row are one run. */

#include "steps.h"

typedef struct {
    long batch, size[3], kernel[3], dilation[3], before[3]; /* of planes, rows, pixels; `before` is padding */
    long channels, columns;                                /* of the frames, and of what the convolution gives */
} Shape;

#if defined(__AVX512BF16__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#if defined(__AMX_BF16__) || defined(EMULATE_TILES)
#define TILES
#endif
#endif

#ifdef TILES

#include <immintrin.h>

#ifdef EMULATE_TILES
#include "tiles_emulated.h"
#endif

enum {
    PARTS = 3,
    TILE = 16,             /* rows and columns of a result */
    DEPTH = 32,            /* terms of a sum in one product of tiles */
    SQUARE = TILE * DEPTH, /* numbers in a tile of bfloat16 */
    PAIR = 2 * TILE,       /* rows and columns of four results */
    SLACK = 64,            /* pixels behind a grid that are read and multiplied with zero */
    ODD = 0x7f7f8000,      /* the bits of the first number that bfloat16 rounds to infinity */
    LINE = 64,             /* bytes; what is in memory side by side begins at a multiple of it */
};

static inline long up(long x, long multiple) { return (x + multiple - 1) / multiple * multiple; }
static inline long least(long x, long y) { return x < y ? x : y; }
static inline long most(long x, long y) { return x > y ? x : y; }

/* ---- grids ---- */

typedef struct {
    Shape shape;
    long before[3], after[3], lead[3]; /* padding of the grid, and how much of it the kernel does not see before */
    long row, plane;                   /* pixels of a row and of a plane in the grid */
    long across, run, blocks;          /* runs in a row of the kernel, their numbers, and those in tiles */
    long runs;                         /* of the whole kernel */
    long lines;                        /* planes of all frames */
} Grid;

/* Some planes of one frame, with those that its outputs see before and after. */
typedef struct {
    long frame, first, last, pixel;
} Segment;

static inline void lay_out(Grid *grid) {
    for (int axis = 0; axis < 3; axis++)
        grid->lead[axis] = grid->before[axis] - grid->shape.before[axis];
    grid->row = grid->shape.size[2] + most(grid->before[2], grid->after[2]);
    grid->plane = (grid->shape.size[1] + most(grid->before[1], grid->after[1])) * grid->row;
}

static inline Grid grid_of(const Shape *shape) {
    Grid grid = {.shape = *shape};
    for (int axis = 0; axis < 3; axis++) {
        grid.before[axis] = shape->before[axis];
        grid.after[axis] = shape->dilation[axis] * (shape->kernel[axis] - 1) - shape->before[axis];
    }
    lay_out(&grid);
    grid.across = shape->dilation[2] == 1 ? 1 : shape->kernel[2];
    grid.run = shape->kernel[2] / grid.across * shape->channels;
    grid.blocks = up(grid.run, DEPTH) / DEPTH;
    grid.runs = shape->kernel[0] * shape->kernel[1] * grid.across;
    grid.lines = shape->batch * shape->size[0];
    return grid;
}

/* Gives two grids of frames of one size the padding that suits both. */
static inline void join(Grid *one, Grid *two) {
    for (int axis = 0; axis < 3; axis++) {
        one->before[axis] = two->before[axis] = most(one->before[axis], two->before[axis]);
        one->after[axis] = two->after[axis] = most(one->after[axis], two->after[axis]);
    }
    lay_out(one);
    lay_out(two);
}

static inline long reach(const Grid *grid, int axis) { return grid->before[axis] + grid->after[axis]; }

static inline long pixels_of(const Grid *grid, long planes) {
    return (planes + reach(grid, 0)) * grid->plane + reach(grid, 1) * grid->row + reach(grid, 2);
}

/* The most pixels of so many lines, whichever they are. */
static inline long most_pixels(const Grid *grid, long lines) {
    long segments = least(lines, lines / grid->shape.size[0] + 2);
    return pixels_of(grid, 0) * segments + lines * grid->plane + SLACK;
}

/* From the first pixel that an output sees, in any grid like this, to that of the tap at (plane, row, pixel). */
static inline long distance(const Grid *grid, long plane, long row, long pixel) {
    const long *dilation = grid->shape.dilation, *lead = grid->lead;
    return (plane * dilation[0] + lead[0]) * grid->plane + (row * dilation[1] + lead[1]) * grid->row +
           pixel * dilation[2] + lead[2];
}

static inline Segment segment_from(const Grid *grid, long line, long end, long pixel) {
    long planes = grid->shape.size[0], frame = line / planes, first = line - frame * planes;
    return (Segment){frame, first, least(planes, first + end - line), pixel};
}

/* Three numbers whose sum is x; where x is not finite, or so large that bfloat16 has no room for it, one is NaN. */
static inline void split(float x, uint16_t *high, uint16_t *middle, uint16_t *low) {
    *high = narrow(x);
    float rest = x - widen(*high);
    *middle = narrow(rest);
    *low = bits(rest - widen(*middle)) >> 16;
}

/* As split(), of 16 numbers; each part is in the lower half of a word. */
static inline void split_16(__m512 x, __m512i *parts) {
    parts[0] = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x));
    __m512 rest = _mm512_sub_ps(x, (__m512)_mm512_slli_epi32(parts[0], 16));
    parts[1] = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(rest));
    rest = _mm512_sub_ps(rest, (__m512)_mm512_slli_epi32(parts[1], 16));
    parts[2] = _mm512_srli_epi32((__m512i)rest, 16);
}

/* The first `count` of 16 lanes. */
static inline __mmask16 lanes(long count) { return count < TILE ? (1 << most(count, 0)) - 1 : 0xffff; }

/* ---- tiles ---- */

static inline long tiles_of(long columns) { return up(columns, TILE) / TILE; }

/* Of gates of so many columns each: 16 columns of every gate lie side by side, and at last what is left. */
static inline long tiles_of_gates(long columns, long gates) {
    return columns / TILE * gates + tiles_of(columns % TILE * gates);
}

/* Rows or columns of tiles in three parts: where two of them begin, and the distances between their rows, from part to
   part, and from one product to the next, in numbers. */
typedef struct {
    const uint16_t *first, *second;
    long row, part, next;
} Operand;

static inline void begin_tiles(void) {
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) {
        config.bytes[tile] = LINE;
        config.rows[tile] = TILE;
    }
    /* Compilers do not know all that the unit reads: everything is to be in memory first. */
    __asm__ volatile("" ::"r"(&config) : "memory");
    _tile_loadconfig(&config);
}

static inline void clear_results(void) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

#define LOAD(tile, operand, which, p) \
    _tile_loadd(tile, (operand).which + (p) * (operand).part, (operand).row * (long)sizeof(uint16_t))
#define ROWS(p)                \
    LOAD(4, rows, first, p);   \
    if (both_rows)             \
        LOAD(5, rows, second, p)
#define COLUMNS(p)             \
    LOAD(6, columns, first, p); \
    if (both_columns)          \
        LOAD(7, columns, second, p)
/* The unit takes a new product every 16 cycles, but gives a result after 52 only: where one or two tiles of results
   are wanted, products go to all four in turn. */
#define MULTIPLY(n)                             \
    if (both_rows && both_columns) {            \
        _tile_dpbf16ps(0, 4, 6);                \
        _tile_dpbf16ps(1, 4, 7);                \
        _tile_dpbf16ps(2, 5, 6);                \
        _tile_dpbf16ps(3, 5, 7);                \
    } else if (both_columns && (n) % 2 == 0) {  \
        _tile_dpbf16ps(0, 4, 6);                \
        _tile_dpbf16ps(1, 4, 7);                \
    } else if (both_columns) {                  \
        _tile_dpbf16ps(2, 4, 6);                \
        _tile_dpbf16ps(3, 4, 7);                \
    } else if (both_rows && (n) % 2 == 0) {     \
        _tile_dpbf16ps(0, 4, 6);                \
        _tile_dpbf16ps(2, 5, 6);                \
    } else if (both_rows) {                     \
        _tile_dpbf16ps(1, 4, 6);                \
        _tile_dpbf16ps(3, 5, 6);                \
    } else if ((n) % 4 == 0) {                  \
        _tile_dpbf16ps(0, 4, 6);                \
    } else if ((n) % 4 == 1) {                  \
        _tile_dpbf16ps(1, 4, 6);                \
    } else if ((n) % 4 == 2) {                  \
        _tile_dpbf16ps(2, 4, 6);                \
    } else {                                    \
        _tile_dpbf16ps(3, 4, 6);                \
    }

/* Adds `count` products to the results, the small ones of each first. */
static inline __attribute__((always_inline)) void
multiply(Operand rows, Operand columns, long count, const int both_rows, const int both_columns) {
    for (long k = 0; k < count; k++) {
        ROWS(0);
        COLUMNS(2);
        MULTIPLY(0);
        COLUMNS(1);
        MULTIPLY(1);
        COLUMNS(0);
        MULTIPLY(2);
        ROWS(2);
        MULTIPLY(3);
        ROWS(1);
        MULTIPLY(4);
        COLUMNS(1);
        MULTIPLY(5);
        rows.first += rows.next;
        rows.second += rows.next;
        columns.first += columns.next;
        columns.second += columns.next;
    }
}

/* Writes the results, 32 to a row; rows lie `pitch` numbers apart. */
static inline __attribute__((always_inline)) void
store_results(float *to, long pitch, const int both_rows, const int both_columns) {
    long row = pitch * (long)sizeof *to;
    float *quarters[] = {to, to + TILE, to + TILE * pitch, to + TILE * pitch + TILE};
    _tile_stored(0, quarters[0], row);
    _tile_stored(1, quarters[1], row);
    _tile_stored(2, quarters[2], row);
    _tile_stored(3, quarters[3], row);
    for (long k = 0; k < TILE * pitch; k += pitch)
        for (long n = k; n < k + TILE; n++) {
            if (!both_rows) {
                quarters[0][n] += quarters[2][n];
                quarters[1][n] += quarters[3][n];
            }
            if (!both_columns) {
                quarters[0][n] += quarters[1][n];
                quarters[2][n] += quarters[3][n];
            }
        }
}

/* Whether a result is odd: not finite, or close to it. It is so where a number that went into it was, or where parts of
   a product overflowed one by one. */
static inline int are_odd(const float *results, long count) {
    __m512i largest = _mm512_setzero_si512(), mask = _mm512_set1_epi32(0x7fffffff);
    for (long k = 0; k < count; k += TILE)
        largest = _mm512_max_epu32(largest, _mm512_and_epi32(mask, _mm512_load_si512(results + k)));
    return _mm512_reduce_max_epu32(largest) >= ODD;
}

#endif
