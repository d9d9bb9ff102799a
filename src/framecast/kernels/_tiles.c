/* Convolutions by tiles; see _tiles.h. */

#include "_tiles.h"

#ifndef __AMX_BF16__

int framecast_tiles(void) { return 0; }

#else

#include <sys/syscall.h>
#include <unistd.h>

enum {
    NEAR = 1 << 19, /* bytes of split frames that stay in a core's own cache */
    ASK_PERMISSION = 0x1023,
    TILE_DATA = 18,
};

/* Whether this processor and this system have the unit; asks the system's leave to use it. */
int framecast_tiles(void) { return syscall(SYS_arch_prctl, ASK_PERMISSION, TILE_DATA) == 0; }

static int has_odd(const float *x, long count) {
    int odd = 0;
    for (long k = 0; k < count; k++)
        odd |= is_odd(x[k]);
    return odd;
}

/* Puts a segment's part of the frames into the grid, and says whether a number was odd. */
static int fill(const Grid *grid, Segment segment, const float *x, uint16_t *parts, long part) {
    const Shape *shape = &grid->shape;
    long channels = shape->channels, slots = grid->plane / grid->row, odd = 0;
    uint16_t *to = parts + segment.pixel * channels;
    long planes = segment.last - segment.first + grid->reach[0];
    for (long slot = 0; slot < planes * slots; slot++, to += grid->row * channels) {
        long plane = segment.first - shape->before[0] + slot / slots, row = slot % slots - shape->before[1];
        long before = shape->before[2] * channels, count = shape->size[2] * channels, whole = grid->row * channels;
        if (plane < 0 || plane >= shape->size[0] || row < 0 || row >= shape->size[1])
            before = whole, count = 0;
        const float *restrict from =
            x + ((segment.frame * shape->size[0] + plane) * shape->size[1] + row) * shape->size[2] * channels;
        uint16_t *restrict high = to, *restrict middle = to + part, *restrict low = to + 2 * part;
        for (int p = 0; p < PARTS; p++) {
            memset(to + p * part, 0, before * sizeof *to);
            memset(to + p * part + before + count, 0, (whole - before - count) * sizeof *to);
        }
        int row_odd = 0;
        for (long k = 0; k < count; k++) {
            split(from[k], high + before + k, middle + before + k, low + before + k);
            row_odd |= is_odd(from[k]);
        }
        odd |= row_odd;
    }
    long behind = (grid->reach[1] * grid->row + grid->reach[2] + SLACK) * channels;
    for (int p = 0; p < PARTS; p++)
        memset(to + p * part, 0, behind * sizeof *to);
    return (int)odd;
}

/* Bytes of a packed weight. */
long framecast_tiles_packed(const Shape *shape) {
    Grid grid = grid_of(shape);
    return tiles_of(shape->columns) * grid.runs * grid.blocks * PARTS * SQUARE * (long)sizeof(uint16_t);
}

typedef struct {
    Grid grid;
    const float *weight;
    const long *strides; /* of columns, channels, planes, rows, pixels */
    uint16_t *packed;
    int odd;
} Packing;

static void pack_share(void *data, long thread, long threads) {
    Packing *job = data;
    const Grid *grid = &job->grid;
    const long *strides = job->strides, *kernel = grid->shape.kernel, channels = grid->shape.channels;
    long columns = grid->shape.columns, tiles = tiles_of(columns), across = grid->across;
    for (long tile = tiles * thread / threads; tile < tiles * (thread + 1) / threads; tile++)
        for (long run = 0; run < grid->runs; run++)
            for (long block = 0; block < grid->blocks; block++) {
                uint16_t *to = job->packed + ((tile * grid->runs + run) * grid->blocks + block) * PARTS * SQUARE;
                long plane = run / across / kernel[1], row = run / across % kernel[1];
                for (long k = 0; k < DEPTH; k++) {
                    long place = block * DEPTH + k, pixel = run % across + place / channels;
                    const float *from = job->weight + place % channels * strides[1] + plane * strides[2] +
                                        row * strides[3] + pixel * strides[4];
                    for (long n = 0; n < TILE; n++) {
                        long column = tile * TILE + n, at = k / 2 * DEPTH + n * 2 + k % 2;
                        float value = place < grid->run && column < columns ? from[column * strides[0]] : 0;
                        split(value, to + at, to + SQUARE + at, to + 2 * SQUARE + at);
                        if (is_odd(value))
                            job->odd = 1;
                    }
                }
            }
}

/* Puts a weight, whose strides may be negative, into the order of tiles; returns whether a number was odd. */
int framecast_tiles_pack(
    const Shape *shape, const float *weight, const long *strides, void *packed, int threads, void *const *openmp) {
    Packing job = {grid_of(shape), weight, strides, packed, 0};
    in_parallel(pack_share, &job, least(threads, tiles_of(shape->columns)), openmp);
    return job.odd;
}

/* How a thread goes about its lines: so many at a time, whose tiles of output pixels begin at `starts` in the grid; a
   tile's 16 rows belong to the `places` among the output's rows, or to none (-1). */
typedef struct {
    long lines, pixels, tiles, bytes;
    int by_row; /* tiles begin with every row of pixels, rather than run on through the zeros between rows */
} Course;

static Course course_of(const Grid *grid) {
    const long *size = grid->shape.size, bytes = grid->plane * grid->shape.channels * PARTS * (long)sizeof(uint16_t);
    Course course;
    course.lines = least(grid->lines, most(1, NEAR / bytes));
    course.pixels = most_pixels(grid, course.lines);
    long by_row = size[1] * up(size[2], TILE);
    course.by_row = by_row <= grid->plane;
    long rows = course.by_row ? by_row * course.lines : most_pixels(grid, course.lines);
    course.tiles = rows / TILE + course.lines + 2;
    course.bytes = up(course.pixels * grid->shape.channels * PARTS * (long)sizeof(uint16_t), LINE) +
                   up(course.tiles * (long)sizeof(long), LINE) + up(course.tiles * TILE * (long)sizeof(int32_t), LINE);
    return course;
}

/* Bytes that each thread needs beside. */
long framecast_tiles_workspace(const Shape *shape) {
    Grid grid = grid_of(shape);
    return course_of(&grid).bytes;
}

typedef struct {
    Grid grid;
    Course course;
    const float *x, *bias;
    const uint16_t *packed;
    float *y;
    int adding;
    char *workspace;
    int odd;
} Convolution;

/* Lists the tiles of a segment's outputs, behind the `count` that are there. */
static long list_tiles(const Grid *grid, const Course *course, Segment segment, long count, long *starts, int32_t *places) {
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
    long x = 0, slot = 0;
    for (long pixel = 0; pixel < end; pixel += TILE, count++) {
        starts[count] = segment.pixel + pixel;
        for (long k = 0; k < TILE; k++) {
            long row = slot % slots, inside = pixel + k < end && x < size[2] && row < size[1];
            places[count * TILE + k] =
                inside ? (int32_t)(output + (slot / slots * size[1] + row) * size[2] + x) : -1;
            if (++x == grid->row)
                x = 0, slot++;
        }
    }
    return count;
}

static void finish(const Convolution *job, const float *results, const int32_t *places, long rows, long column) {
    long columns = job->grid.shape.columns;
    for (long half = 0; half < PAIR && column + half < columns; half += TILE) {
        __mmask16 mask = lanes(columns - column - half);
        __m512 bias = job->bias ? _mm512_maskz_loadu_ps(mask, job->bias + column + half) : _mm512_setzero_ps();
        for (long row = 0; row < rows; row++) {
            float *y = job->y + places[row] * columns + column + half;
            __m512 sum = _mm512_add_ps(bias, _mm512_load_ps(results + row * PAIR + half));
            if (places[row] < 0)
                continue;
            if (job->adding)
                sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, y));
            _mm512_mask_storeu_ps(y, mask, sum);
        }
    }
}

static inline __attribute__((always_inline)) void convolve_pair(
    const Convolution *job, const uint16_t *grid_first, const uint16_t *grid_second, long part, long tile,
    const int both_rows, const int both_columns, float *results) {
    const Grid *grid = &job->grid;
    const long *kernel = grid->shape.kernel, channels = grid->shape.channels;
    long size = grid->runs * grid->blocks * PARTS * SQUARE, second = grid_second - grid_first;
    const uint16_t *weight = job->packed + tile * size;
    clear_results();
    for (long plane = 0; plane < kernel[0]; plane++)
        for (long row = 0; row < kernel[1]; row++)
            for (long k = 0; k < grid->across; k++, weight += grid->blocks * PARTS * SQUARE) {
                const uint16_t *from = grid_first + distance(grid, plane, row, k) * channels;
                Operand rows = {from, from + second, channels, part, DEPTH};
                Operand columns = {weight, weight + size, DEPTH, SQUARE, PARTS * SQUARE};
                multiply(rows, columns, grid->blocks, both_rows, both_columns);
            }
    store_results(results, both_rows, both_columns);
}

static void convolve_lines(
    Convolution *job, const uint16_t *parts, long part, const long *starts, const int32_t *places, long count) {
    _Alignas(LINE) float results[PAIR * PAIR];
    long tiles = tiles_of(job->grid.shape.columns), channels = job->grid.shape.channels;
    for (long tile = 0; tile < tiles; tile += 2)
        for (long k = 0; k < count; k += 2) {
            int both_rows = k + 1 < count, both_columns = tile + 1 < tiles;
            const uint16_t *first = parts + starts[k] * channels;
            const uint16_t *second = both_rows ? parts + starts[k + 1] * channels : first;
            if (both_rows && both_columns)
                convolve_pair(job, first, second, part, tile, 1, 1, results);
            else if (both_rows)
                convolve_pair(job, first, second, part, tile, 1, 0, results);
            else if (both_columns)
                convolve_pair(job, first, second, part, tile, 0, 1, results);
            else
                convolve_pair(job, first, second, part, tile, 0, 0, results);
            finish(job, results, places + k * TILE, both_rows ? PAIR : TILE, tile * TILE);
        }
}

static void convolve_share(void *data, long thread, long threads) {
    Convolution *job = data;
    const Grid *grid = &job->grid;
    const Course *course = &job->course;
    const Shape *shape = &grid->shape;
    /* What is added to cannot be taken back: every thread looks at all first. */
    if (job->adding && has_odd(job->x, shape->batch * shape->size[0] * shape->size[1] * shape->size[2] * shape->channels)) {
        job->odd = 1;
        return;
    }
    uint16_t *parts = (uint16_t *)(job->workspace + thread * course->bytes);
    long part = course->pixels * shape->channels;
    long *starts = (long *)((char *)parts + up(PARTS * part * (long)sizeof *parts, LINE));
    int32_t *places = (int32_t *)((char *)starts + up(course->tiles * (long)sizeof *starts, LINE));
    long line = grid->lines * thread / threads, last = grid->lines * (thread + 1) / threads;
    begin_tiles();
    while (line < last) {
        long end = least(last, line + course->lines), count = 0, pixel = 0;
        while (line < end) {
            Segment segment = segment_from(grid, line, end, pixel);
            if (fill(grid, segment, job->x, parts, part))
                job->odd = 1;
            count = list_tiles(grid, course, segment, count, starts, places);
            line += segment.last - segment.first;
            pixel += pixels_of(grid, segment.last - segment.first);
        }
        __asm__ volatile("" ::: "memory"); /* the tiles are read as they were written */
        convolve_lines(job, parts, part, starts, places, count);
    }
    _tile_release();
}

/* y = bias + x * weight, or y += it. Returns whether a number was odd: y is then as it was if it was to be added to,
   and else without meaning. */
int framecast_tiles_convolve(
    const Shape *shape, const float *x, const void *packed, const float *bias, float *y, int adding, void *workspace,
    int threads, void *const *openmp) {
    Grid grid = grid_of(shape);
    Convolution job = {grid, course_of(&grid), x, bias, packed, y, adding, workspace, 0};
    in_parallel(convolve_share, &job, least(threads, grid.lines), openmp);
    return job.odd;
}

#endif
