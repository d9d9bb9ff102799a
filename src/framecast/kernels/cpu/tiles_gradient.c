/* The gradient of a convolution's weight by tiles; see tiles.h.

   It is a product of the gradient's pixels, as rows of one column of the convolution each, with the frames' pixels at
   a distance, in the order that the unit wants: two neighbours side by side. Where the distance is odd, the neighbours
   are others: the frames are there twice. */

#include "tiles.h"

#ifdef TILES

enum {
    CHUNK = 1 << 21, /* bytes of what is worked on at a time: it is read again and again */
    WAYS = 2,        /* neighbours from an even pixel on, and from an odd one */
};

typedef struct {
    long padded;                          /* channels in whole tiles */
    long lines, segments, pixels, places; /* at a time: the most of them */
    long from, gradients, frames, grid, sums, bytes; /* where they begin in the workspace, and where it ends */
} Layout;

typedef struct {
    Grid grid;
    Layout layout;
    const float *x, *gradient;
    float *weight;
    char *workspace;
    Segment *segments; /* of the chunk, each with its pixels in the grid and its places among the rows of gradients */
    long *segment_places;
    long count, pixels, places;
    int last, odd;
} Gradient;

static long columns_of(const Grid *grid) {
    const long *kernel = grid->shape.kernel;
    return kernel[0] * kernel[1] * kernel[2] * tiles_of(grid->shape.channels);
}

static long places_of(const Grid *grid, long planes) { return up(planes * grid->plane, DEPTH); }

static Layout layout_of(const Grid *grid) {
    const Shape *shape = &grid->shape;
    Layout layout = {.padded = up(shape->channels, TILE)};
    long rows = up(shape->columns, TILE), size = PARTS * (long)sizeof(uint16_t);
    layout.lines = least(grid->lines, most(1, CHUNK / (grid->plane * (rows + WAYS * layout.padded) * size)));
    layout.segments = least(layout.lines, layout.lines / shape->size[0] + 2);
    layout.pixels = up(most_pixels(grid, layout.lines) + layout.segments * (2 * DEPTH + 1), 2 * DEPTH);
    layout.places = up(layout.lines * grid->plane + (layout.segments + 1) * DEPTH, DEPTH);
    layout.gradients = up((layout.pixels + layout.places) * (long)sizeof(float *), LINE);
    layout.frames = layout.gradients + rows * layout.places * size;
    layout.grid = layout.frames + WAYS * layout.pixels * layout.padded * size;
    layout.sums = up(layout.grid + (layout.pixels + SLACK) * shape->channels * size, LINE);
    layout.bytes = layout.sums + (tiles_of(shape->columns) + 1) / 2 * ((columns_of(grid) + 1) / 2) * PAIR * PAIR *
                                     (long)sizeof(float);
    return layout;
}

/* Bytes needed beside. */
long framecast_tiles_gradient_workspace(const Shape *shape) {
    Grid grid = grid_of(shape);
    return layout_of(&grid).bytes;
}

/* ---- where numbers come from ---- */

/* The pixels that every place of the chunk comes from, NULL for zeros: of frames, in the grid; of gradients, without
   what is before and after. */
static void find_pixels(const Gradient *job, Segment segment, const float **from, long end) {
    const Grid *grid = &job->grid;
    const Shape *shape = &grid->shape;
    const long *size = shape->size, *before = grid->before;
    long slots = grid->plane / grid->row, planes = segment.last - segment.first + reach(grid, 0);
    memset(from, 0, (end - segment.pixel) * sizeof *from);
    for (long slot = 0; slot < planes * slots; slot++, from += grid->row) {
        long plane = segment.first - before[0] + slot / slots, row = slot % slots - before[1];
        if (plane < 0 || plane >= size[0] || row < 0 || row >= size[1])
            continue;
        long pixel = ((segment.frame * size[0] + plane) * size[1] + row) * size[2];
        for (long x = 0; x < size[2]; x++)
            from[before[2] + x] = job->x + (pixel + x) * shape->channels;
    }
}

static void find_gradients(const Gradient *job, Segment segment, const float **from, long count) {
    const Grid *grid = &job->grid;
    const long *size = grid->shape.size;
    memset(from, 0, count * sizeof *from);
    for (long plane = segment.first; plane < segment.last; plane++, from += grid->plane)
        for (long row = 0; row < size[1]; row++)
            for (long x = 0; x < size[2]; x++)
                from[row * grid->row + x] =
                    job->gradient +
                    (((segment.frame * size[0] + plane) * size[1] + row) * size[2] + x) * grid->shape.columns;
}

/* Numbers k to k + 16 of one pixel in the lower halves and of another in the upper halves of words, in three parts. */
static inline void pair_16(const float *one, const float *two, long k, __mmask16 mask, __m512i *parts) {
    __m512i first[PARTS], second[PARTS];
    split_16(_mm512_maskz_loadu_ps(one ? mask : 0, one + k), first);
    split_16(_mm512_maskz_loadu_ps(two ? mask : 0, two + k), second);
    for (int p = 0; p < PARTS; p++)
        parts[p] = _mm512_or_epi32(first[p], _mm512_slli_epi32(second[p], 16));
}

/* ---- gradients: a row for every column of the convolution ---- */

/* Rows to columns of 16 times 16 words: in every step, rows `step` apart exchange runs of `step` words. */
static inline void transpose(__m512i *m) {
    const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
#pragma GCC unroll 4
    for (int step = 1; step < TILE; step *= 2) {
        __m512i with = _mm512_set1_epi32(step), other = _mm512_xor_epi32(lanes, with), second = _mm512_set1_epi32(TILE);
        __mmask16 high = _mm512_test_epi32_mask(lanes, with);
        __m512i to_low = _mm512_mask_add_epi32(lanes, high, other, second);
        __m512i to_high = _mm512_mask_add_epi32(other, high, lanes, second);
#pragma GCC unroll 16
        for (int k = 0; k < TILE; k++)
            if (!(k & step)) {
                __m512i one = m[k], two = m[k ^ step];
                m[k] = _mm512_permutex2var_epi32(one, to_low, two);
                m[k ^ step] = _mm512_permutex2var_epi32(one, to_high, two);
            }
    }
}

static void turn_gradients(const Gradient *job, long thread, long threads) {
    const Layout *layout = &job->layout;
    const float **from = (const float **)(job->workspace + layout->from) + layout->pixels;
    long columns = job->grid.shape.columns, tiles = tiles_of(columns);
    uint16_t *rows = (uint16_t *)(job->workspace + layout->gradients);
    long blocks = job->places / DEPTH;
    for (long block = blocks * thread / threads; block < blocks * (thread + 1) / threads; block++)
        for (long tile = 0; tile < tiles; tile++) {
            __m512i parts[PARTS], words[PARTS][TILE];
            const float **pixels = from + block * DEPTH;
            uint16_t *to = rows + (tile * blocks + block) * PARTS * SQUARE;
            for (long k = 0; k < TILE; k++) {
                if (block + 1 < blocks) { /* whose lines are too far apart to be foreseen */
                    _mm_prefetch((const char *)(pixels[2 * k + DEPTH]) + tile * LINE, _MM_HINT_T0);
                    _mm_prefetch((const char *)(pixels[2 * k + 1 + DEPTH]) + tile * LINE, _MM_HINT_T0);
                }
                pair_16(pixels[2 * k], pixels[2 * k + 1], tile * TILE, lanes(columns - tile * TILE), parts);
                for (int p = 0; p < PARTS; p++)
                    words[p][k] = parts[p];
            }
            for (int p = 0; p < PARTS; p++) {
                transpose(words[p]);
                for (long k = 0; k < TILE; k++, to += DEPTH)
                    _mm512_storeu_si512(to, words[p][k]);
            }
        }
}

/* ---- frames: neighbours side by side ---- */

/* The grid of frames in three parts. */
static void split_frames(const Gradient *job, long thread, long threads) {
    const float **from = (const float **)(job->workspace + job->layout.from);
    uint16_t *grid = (uint16_t *)(job->workspace + job->layout.grid);
    long channels = job->grid.shape.channels, part = job->layout.pixels * channels;
    for (long pixel = job->pixels * thread / threads; pixel < job->pixels * (thread + 1) / threads; pixel++)
        for (long k = 0; k < channels; k += TILE) {
            __mmask16 mask = lanes(channels - k);
            __m512i parts[PARTS];
            split_16(_mm512_maskz_loadu_ps(from[pixel] ? mask : 0, from[pixel] + k), parts);
            for (int p = 0; p < PARTS; p++)
                _mm256_mask_storeu_epi16(grid + p * part + pixel * channels + k, mask, _mm512_cvtepi32_epi16(parts[p]));
        }
}

/* What is read behind a pixel goes to columns that are not asked for. */
static void pair_frames(void *data, long thread, long threads) {
    const Gradient *job = data;
    const Layout *layout = &job->layout;
    const uint16_t *grid = (const uint16_t *)(job->workspace + layout->grid);
    uint32_t *frames = (uint32_t *)(job->workspace + layout->frames);
    long channels = job->grid.shape.channels, pairs = job->pixels / 2, part = layout->pixels * layout->padded / 2;
    for (long way = 0; way < WAYS; way++)
        for (long pair = pairs * thread / threads; pair < pairs * (thread + 1) / threads; pair++)
            for (int p = 0; p < PARTS; p++) {
                const uint16_t *one = grid + (p * layout->pixels + 2 * pair + way) * channels, *two = one + channels;
                uint32_t *to = frames + (way * PARTS + p) * part + pair * layout->padded;
                for (long k = 0; k < channels; k += TILE) {
                    __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(one + k)));
                    __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(two + k)));
                    _mm512_storeu_si512(to + k, _mm512_or_epi32(low, _mm512_slli_epi32(high, 16)));
                }
            }
}

/* ---- products ---- */

static const uint16_t *frames_at(const Gradient *job, long column) {
    const long *kernel = job->grid.shape.kernel, padded = job->layout.padded, tiles = padded / TILE;
    const uint16_t *frames = (const uint16_t *)(job->workspace + job->layout.frames);
    long tap = column / tiles, plane = tap / (kernel[1] * kernel[2]), row = tap / kernel[2] % kernel[1];
    long far = distance(&job->grid, plane, row, tap % kernel[2]);
    return frames + far % WAYS * PARTS * job->layout.pixels * padded + (far / 2 * padded + column % tiles * TILE) * 2;
}

static inline __attribute__((always_inline)) void multiply_segments(
    const Gradient *job, long tile, long column, const int both_rows, const int both_columns, float *results) {
    const Layout *layout = &job->layout;
    const uint16_t *gradients = (const uint16_t *)(job->workspace + layout->gradients);
    const uint16_t *first = frames_at(job, column), *second = both_columns ? frames_at(job, column + 1) : first;
    long size = PARTS * SQUARE, blocks = job->places / DEPTH, padded = layout->padded;
    clear_results();
    for (long k = 0; k < job->count; k++) {
        Segment segment = job->segments[k];
        const uint16_t *row = gradients + (tile * blocks + job->segment_places[k] / DEPTH) * size;
        long frames = segment.pixel * padded;
        Operand rows = {row, row + blocks * size, DEPTH, SQUARE, size};
        Operand columns = {first + frames, second + frames, 2 * padded, layout->pixels * padded, DEPTH * padded};
        long count = places_of(&job->grid, segment.last - segment.first) / DEPTH;
        multiply(rows, columns, count, both_rows, both_columns);
    }
    store_results(results, PAIR, both_rows, both_columns);
}

/* Writes finished sums of two rows and two columns of tiles to the weight's gradient. */
static void give(const Gradient *job, const float *sums, long tile, long column, long last_column) {
    const Shape *shape = &job->grid.shape;
    long tiles = tiles_of(shape->channels), taps = shape->kernel[0] * shape->kernel[1] * shape->kernel[2];
    for (; column < last_column; column++, sums += TILE)
        for (long k = 0; k < least(PAIR, shape->columns - tile * TILE); k++)
            for (long n = 0; n < least(TILE, shape->channels - column % tiles * TILE); n++) {
                long channel = column % tiles * TILE + n;
                job->weight[((tile * TILE + k) * shape->channels + channel) * taps + column / tiles] = sums[k * PAIR + n];
            }
}

static void multiply_share(void *data, long thread, long threads) {
    Gradient *job = data;
    _Alignas(LINE) float results[PAIR * PAIR];
    long tiles = tiles_of(job->grid.shape.columns), columns = columns_of(&job->grid);
    long across = (columns + 1) / 2, items = (tiles + 1) / 2 * across;
    float *all = (float *)(job->workspace + job->layout.sums);
    begin_tiles();
    for (long item = 0; item < items; item++) {
        long tile = item / across * 2, column = item % across * 2;
        int both_rows = tile + 1 < tiles, both_columns = column + 1 < columns;
        long work = tile * columns + column * (both_rows ? 2 : 1), all_work = tiles * columns;
        if (work < all_work * thread / threads || work >= all_work * (thread + 1) / threads)
            continue;
        if (both_rows && both_columns)
            multiply_segments(job, tile, column, 1, 1, results);
        else if (both_rows)
            multiply_segments(job, tile, column, 1, 0, results);
        else if (both_columns)
            multiply_segments(job, tile, column, 0, 1, results);
        else
            multiply_segments(job, tile, column, 0, 0, results);
        if (are_odd(results, PAIR * PAIR))
            job->odd = 1;
        float *restrict sums = all + item * PAIR * PAIR;
        for (long k = 0; k < PAIR * PAIR; k++)
            sums[k] += results[k];
        if (job->last)
            give(job, sums, tile, column, least(columns, column + 2));
    }
    _tile_release();
}

static void prepare_share(void *data, long thread, long threads) {
    turn_gradients(data, thread, threads);
    split_frames(data, thread, threads);
}

/* Lists the segments of the lines from one to another. */
static void list_segments(Gradient *job, long line, long end) {
    const Grid *grid = &job->grid;
    const float **from = (const float **)(job->workspace + job->layout.from);
    job->count = job->pixels = job->places = 0;
    for (; line < end; job->count++) {
        Segment segment = segment_from(grid, line, end, job->pixels);
        long planes = segment.last - segment.first;
        job->segments[job->count] = segment;
        job->segment_places[job->count] = job->places;
        /* As many pixels as the last product of the farthest tap reads. */
        job->pixels = up(job->pixels + pixels_of(grid, planes) + 2 * DEPTH, 2);
        find_pixels(job, segment, from + segment.pixel, job->pixels);
        find_gradients(job, segment, from + job->layout.pixels + job->places, places_of(grid, planes));
        job->places += places_of(grid, planes);
        line += planes;
    }
}

/* The gradient (columns, channels, kernel) of a convolution's weight. Returns whether a result was odd: all is
   then without meaning. */
int framecast_tiles_gradient(
    const Shape *shape, const float *x, const float *gradient, float *weight, void *workspace, int threads,
    void *const *openmp) {
    Grid grid = grid_of(shape);
    Layout layout = layout_of(&grid);
    Segment segments[layout.segments];
    long places[layout.segments];
    Gradient job = {grid, layout, x, gradient, weight, workspace, segments, places, 0, 0, 0, 0, 0};
    memset(job.workspace + layout.sums, 0, layout.bytes - layout.sums);
    for (long line = 0; line < grid.lines && !job.odd; line += layout.lines) {
        job.last = line + layout.lines >= grid.lines;
        list_segments(&job, line, least(grid.lines, line + layout.lines));
        in_parallel(prepare_share, &job, threads, openmp);
        in_parallel(pair_frames, &job, threads, openmp);
        in_parallel(multiply_share, &job, threads, openmp);
    }
    return job.odd;
}

#endif
