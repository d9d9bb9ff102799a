/* Convolutions by tiles; see tiles.h. */

#include "tiles_lines.h"

#ifndef TILES

int framecast_tiles(void) { return 0; }

#else

#ifdef EMULATE_TILES

int framecast_tiles(void) { return 1; }

#else

#include <sys/syscall.h>
#include <unistd.h>

enum {
    ASK_PERMISSION = 0x1023,
    TILE_DATA = 18,
};

/* Whether this processor and this system have the unit; asks the system's leave to use it. */
int framecast_tiles(void) { return syscall(SYS_arch_prctl, ASK_PERMISSION, TILE_DATA) == 0; }

#endif

/* Bytes of a packed weight. */
long framecast_tiles_packed(const Shape *shape, long gates) {
    Grid grid = grid_of(shape);
    return tiles_of_gates(shape->columns / gates, gates) * grid.runs * grid.blocks * PARTS * SQUARE * (long)sizeof(uint16_t);
}

typedef struct {
    Grid grid;
    const float *weight;
    const long *strides; /* of columns, channels, planes, rows, pixels */
    long gates;
    uint16_t *packed;
} Packing;

static void pack_share(void *data, long thread, long threads) {
    const Packing *job = data;
    const Grid *grid = &job->grid;
    const long *strides = job->strides, *kernel = grid->shape.kernel, channels = grid->shape.channels;
    long gates = job->gates, columns = grid->shape.columns / gates, across = grid->across;
    long tiles = tiles_of_gates(columns, gates);
    for (long tile = tiles * thread / threads; tile < tiles * (thread + 1) / threads; tile++) {
        long first = least(tile / gates, columns / TILE) * TILE, width = least(TILE, columns - first);
        for (long run = 0; run < grid->runs; run++)
            for (long block = 0; block < grid->blocks; block++) {
                uint16_t *to = job->packed + ((tile * grid->runs + run) * grid->blocks + block) * PARTS * SQUARE;
                long plane = run / across / kernel[1], row = run / across % kernel[1];
                for (long k = 0; k < DEPTH; k++) {
                    long place = block * DEPTH + k, pixel = run % across + place / channels;
                    const float *from = job->weight + place % channels * strides[1] + plane * strides[2] +
                                        row * strides[3] + pixel * strides[4];
                    for (long n = 0; n < TILE; n++) {
                        long side = (tile - first / TILE * gates) * TILE + n, at = k / 2 * DEPTH + n * 2 + k % 2;
                        long gate = side / width, column = gate * columns + first + side % width;
                        float value = place < grid->run && gate < gates ? from[column * strides[0]] : 0;
                        split(value, to + at, to + SQUARE + at, to + 2 * SQUARE + at);
                    }
                }
            }
    }
}

/* Puts a weight, whose strides may be negative, into the order of tiles: of every gate 16 columns or what is left, the
   same of the next gate beside them. */
void framecast_tiles_pack(
    const Shape *shape, const float *weight, const long *strides, long gates, void *packed, int threads,
    void *const *openmp) {
    Packing job = {grid_of(shape), weight, strides, gates, packed};
    in_parallel(pack_share, &job, least(threads, tiles_of(shape->columns)), openmp);
}

/* Bytes that each thread needs beside. */
long framecast_tiles_workspace(const Shape *shape) {
    Grid grid = grid_of(shape);
    return course_of(&grid, shape->channels).bytes;
}

typedef struct {
    Term term;
    Course course;
    const float *x, *bias;
    float *y;
    char *workspace;
    int odd;
} Convolution;

static void finish(const Convolution *job, const float *results, const int32_t *places, long rows, long column) {
    long columns = job->term.grid.shape.columns;
    for (long half = 0; half < PAIR && column + half < columns; half += TILE) {
        __mmask16 mask = lanes(columns - column - half);
        __m512 bias = job->bias ? _mm512_maskz_loadu_ps(mask, job->bias + column + half) : _mm512_setzero_ps();
        for (long row = 0; row < rows; row++) {
            float *y = job->y + places[row] * columns + column + half;
            __m512 sum = _mm512_add_ps(bias, _mm512_load_ps(results + row * PAIR + half));
            if (places[row] < 0)
                continue;
            _mm512_mask_storeu_ps(y, mask, sum);
        }
    }
}

static void convolve_share(void *data, long thread, long threads) {
    Convolution *job = data;
    Term term = job->term;
    Course course = job->course;
    const Shape *shape = &term.grid.shape;
    _Alignas(LINE) float results[PAIR * PAIR];
    settle(&course, &term, 1, job->workspace, thread);
    long line = term.grid.lines * thread / threads, last = term.grid.lines * (thread + 1) / threads, end;
    begin_tiles();
    for (; line < last; line = end) {
        end = least(last, line + course.lines);
        long tiles = take_lines(&course, &term, 1, &job->x, line, end), columns = tiles_of(shape->columns);
        for (long tile = 0; tile < columns; tile += 2)
            for (long k = 0; k < tiles; k += 2) {
                long rows = convolve(&course, k, tiles, &term, 1, tile, tile + 1 < columns, results, PAIR);
                if (are_odd(results, rows * PAIR))
                    job->odd = 1;
                finish(job, results, course.places + k * TILE, rows, tile * TILE);
            }
    }
    _tile_release();
}

/* y = bias + x * weight. Returns whether a result was odd: y is then without meaning. */
int framecast_tiles_convolve(
    const Shape *shape, const float *x, const void *weight, const float *bias, float *y, void *workspace, int threads,
    void *const *openmp) {
    Term term = {grid_of(shape), weight, NULL, 0};
    Convolution job = {term, course_of(&term.grid, shape->channels), x, bias, y, workspace, 0};
    in_parallel(convolve_share, &job, least(threads, term.grid.lines), openmp);
    return job.odd;
}

#endif
