/* Sums of convolutions by tiles, for some lines of the output at a time; see tiles.h. */

#include "tiles.h"

#ifdef TILES

enum {
    NEAR = 1 << 19, /* bytes of split frames that stay in a core's own cache */
};

/* One of the convolutions whose sum is taken: split frames, and a packed weight. */
typedef struct {
    Grid grid;
    const void *weight;
    uint16_t *parts;
    long part; /* numbers from one part to the next */
} Term;

/* How a thread goes about its lines: so many at a time, whose tiles of output pixels begin at `starts` in the grid; a
   tile's 16 rows belong to the `places` among the output's pixels, or to none (-1). */
typedef struct {
    long lines, pixels, tiles, bytes; /* the most of them; bytes of the workspace */
    int by_row; /* tiles begin with every row of pixels, rather than run on through the zeros between rows */
    long *starts;
    int32_t *places;
} Course;

/* For terms of so many channels together, whose grids are alike. */
static inline Course course_of(const Grid *grid, long channels) {
    const long *size = grid->shape.size, number = PARTS * (long)sizeof(uint16_t);
    Course course;
    course.lines = least(grid->lines, most(1, NEAR / (grid->plane * channels * number)));
    course.pixels = most_pixels(grid, course.lines);
    long by_row = size[1] * up(size[2], TILE);
    course.by_row = by_row <= grid->plane;
    course.tiles = (course.by_row ? by_row * course.lines : course.pixels) / TILE + course.lines + 2;
    course.bytes = up(course.pixels * channels * number, LINE) + up(course.tiles * (long)sizeof(long), LINE) +
                   up(course.tiles * TILE * (long)sizeof(int32_t), LINE);
    return course;
}

/* Gives a thread its part of the workspace. */
static inline void settle(Course *course, Term *terms, int count, char *workspace, long thread) {
    uint16_t *parts = (uint16_t *)(workspace + thread * course->bytes);
    for (int k = 0; k < count; k++) {
        terms[k].parts = parts;
        terms[k].part = course->pixels * terms[k].grid.shape.channels;
        parts += PARTS * terms[k].part;
    }
    course->starts = (long *)(workspace + thread * course->bytes + up((char *)parts - (workspace + thread * course->bytes), LINE));
    course->places = (int32_t *)((char *)course->starts + up(course->tiles * (long)sizeof(long), LINE));
}

/* Writes zeros to all three parts. Few at a time: a call of memset() would take longer. */
static inline void clear(uint16_t *to, long part, long count) {
    for (long k = 0; k < count; k += DEPTH) {
        __mmask32 mask = count - k < DEPTH ? (1u << (count - k)) - 1 : 0xffffffffu;
        for (int p = 0; p < PARTS; p++)
            _mm512_mask_storeu_epi16(to + p * part + k, mask, _mm512_setzero_si512());
    }
}

static inline void split_row(const float *from, long count, uint16_t *to, long part) {
    for (long k = 0; k < count; k += TILE) {
        __mmask16 mask = lanes(count - k);
        __m512i parts[PARTS];
        split_16(_mm512_maskz_loadu_ps(mask, from + k), parts);
        for (int p = 0; p < PARTS; p++)
            _mm256_mask_storeu_epi16(to + p * part + k, mask, _mm512_cvtepi32_epi16(parts[p]));
    }
}

/* Puts a segment's part of the frames into the grid. */
static inline void fill(const Grid *grid, Segment segment, const float *x, uint16_t *parts, long part) {
    const Shape *shape = &grid->shape;
    long channels = shape->channels, slots = grid->plane / grid->row, whole = grid->row * channels;
    long planes = segment.last - segment.first + reach(grid, 0), count = shape->size[2] * channels;
    long before = grid->before[2] * channels, plane = segment.first - grid->before[0], row = -grid->before[1];
    uint16_t *to = parts + segment.pixel * channels;
    for (long slot = 0; slot < planes * slots; slot++, to += whole) {
        if (plane < 0 || plane >= shape->size[0] || row < 0 || row >= shape->size[1]) {
            clear(to, part, whole);
        } else {
            const float *from = x + ((segment.frame * shape->size[0] + plane) * shape->size[1] + row) * count;
            clear(to, part, before);
            split_row(from, count, to + before, part);
            clear(to + before + count, part, whole - before - count);
        }
        if (++row == slots - grid->before[1])
            row = -grid->before[1], plane++;
    }
    clear(to, part, (reach(grid, 1) * grid->row + reach(grid, 2) + SLACK) * channels);
}

/* Lists the tiles of a segment's outputs, behind the `count` that are there. */
static inline long list_tiles(const Grid *grid, const Course *course, Segment segment, long count) {
    long *starts = course->starts;
    int32_t *places = course->places;
    const long *size = grid->shape.size;
    long planes = segment.last - segment.first, rows = planes * size[1];
    long output = (segment.frame * size[0] + segment.first) * size[1] * size[2];
    if (course->by_row) {
        for (long row = 0; row < rows; row++)
            for (long x = 0; x < size[2]; x += TILE, count++) {
                starts[count] = segment.pixel + row / size[1] * grid->plane + row % size[1] * grid->row + x;
                for (long k = 0; k < TILE; k++)
                    places[count * TILE + k] = x + k < size[2] ? (int32_t)(output + row * size[2] + x + k) : -1;
            }
        return count;
    }
    long end = (planes - 1) * grid->plane + (size[1] - 1) * grid->row + size[2], slots = grid->plane / grid->row;
    long x = 0, row = 0;
    for (long pixel = 0; pixel < end; pixel += TILE, count++) {
        starts[count] = segment.pixel + pixel;
        for (long k = 0; k < TILE; k++) {
            int inside = pixel + k < end && x < size[2] && row < size[1];
            places[count * TILE + k] = inside ? (int32_t)output : -1;
            output += inside;
            if (++x == grid->row) {
                x = 0;
                row = row + 1 == slots ? 0 : row + 1;
            }
        }
    }
    return count;
}

/* Splits the frames `x` of every term for the lines from one to another (NULL for a term that is left out), and lists
   the tiles. Gives their number. */
static inline long take_lines(const Course *course, const Term *terms, int count, const float *const *x, long line, long end) {
    long tiles = 0, pixel = 0;
    while (line < end) {
        const Grid *grid = &terms[0].grid;
        Segment segment = segment_from(grid, line, end, pixel);
        for (int k = 0; k < count; k++)
            if (x[k])
                fill(&terms[k].grid, segment, x[k], terms[k].parts, terms[k].part);
        tiles = list_tiles(grid, course, segment, tiles);
        line += segment.last - segment.first;
        pixel += pixels_of(grid, segment.last - segment.first);
    }
    __asm__ volatile("" ::: "memory"); /* the unit is to read what was written */
    return tiles;
}

static inline __attribute__((always_inline)) void
add_term(const Term *term, long first, long second, long tile, const int both_rows, const int both_columns) {
    const Grid *grid = &term->grid;
    const long *kernel = grid->shape.kernel, channels = grid->shape.channels;
    long size = grid->runs * grid->blocks * PARTS * SQUARE;
    const uint16_t *weight = (const uint16_t *)term->weight + tile * size;
    for (long plane = 0; plane < kernel[0]; plane++)
        for (long row = 0; row < kernel[1]; row++)
            for (long k = 0; k < grid->across; k++, weight += grid->blocks * PARTS * SQUARE) {
                const uint16_t *from = term->parts + (first + distance(grid, plane, row, k)) * channels;
                Operand rows = {from, from + (second - first) * channels, channels, term->part, DEPTH};
                Operand columns = {weight, weight + size, DEPTH, SQUARE, PARTS * SQUARE};
                multiply(rows, columns, grid->blocks, both_rows, both_columns);
            }
}

static inline __attribute__((always_inline)) void add_terms(
    const Term *terms, int count, long first, long second, long tile, const int both_rows, const int both_columns,
    float *results, long pitch) {
    clear_results();
    for (int k = 0; k < count; k++)
        add_term(terms + k, first, second, tile, both_rows, both_columns);
    store_results(results, pitch, both_rows, both_columns);
}

/* The sum of terms for the tiles of output pixels from the k-th on, two or the last one, and one or two tiles of
   columns: 32 rows of 32 results. Gives the number of rows that are meant. */
static inline long convolve(
    const Course *course, long k, long tiles, const Term *terms, int count, long tile, int both_columns, float *results,
    long pitch) {
    long first = course->starts[k], second = k + 1 < tiles ? course->starts[k + 1] : first;
    if (k + 1 < tiles && both_columns)
        add_terms(terms, count, first, second, tile, 1, 1, results, pitch);
    else if (k + 1 < tiles)
        add_terms(terms, count, first, second, tile, 1, 0, results, pitch);
    else if (both_columns)
        add_terms(terms, count, first, second, tile, 0, 1, results, pitch);
    else
        add_terms(terms, count, first, second, tile, 0, 0, results, pitch);
    return k + 1 < tiles ? PAIR : TILE;
}

#endif
