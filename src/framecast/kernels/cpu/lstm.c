/* A whole pass of a convolutional LSTM by tiles, forward and backward; see tiles.h.

   Sequences do not see each other: every thread runs its own from the first step to the last. Input and state are
   projected in one sum, and what follows is done with the sum while it is at hand: gates are written once, and the
   gradient of the state, which the next step back takes, not at all.

   Frames of all steps lie behind one another, M pixels in each step; gates (T * M, 4 * H), states (M, H). */

#include "tiles_lines.h"

#ifdef TILES

enum {
    GATES = 4,
    TERMS = 2,            /* input and state */
    WIDE = GATES * TILE, /* results of all gates in a row */
};

typedef struct {
    Term terms[TERMS];
    Course course;
    long steps, batch, pixels, hidden; /* `pixels` of a step, M */
    int reverse;
    const float *x, *h, *c; /* initial states, or NULL for zero */
    const float *bias, *peephole;
    float *gates, *output, *state; /* `gates` may be NULL; `state` holds c before and after each step, (M, H) */
    /* of the backward */
    float *cells;             /* c after each step, (T * M, H); h goes to `output` once more */
    const float *grad_output; /* or NULL for zero, as the next two */
    const float *grad_h;
    float *grad_c;        /* holds the gradient of c after and before each step */
    float *grad_h_before; /* or NULL where it is not wanted */
    double *totals;       /* of the gradients of sums over pixels, (threads, 4 * H) */
    char *workspace;
    int odd;
} Pass;

static long time_of(const Pass *pass, long step) { return pass->reverse ? pass->steps - 1 - step : step; }

/* The sequences of a thread. */
static long first_of(const Pass *pass, long thread, long threads) { return pass->batch * thread / threads; }

static inline __m512 load(const float *from, __mmask16 mask) {
    return from ? _mm512_maskz_loadu_ps(mask, from) : _mm512_setzero_ps();
}

/* ---- functions of 16 numbers ---- */

/* exp(r) - 1 and 2^n for x = n ln 2 + r; as exp_minus_1() in steps.h. */
static inline __m512 exponential(__m512 x, __m512 *power) {
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(1.3882513e-3f), r, _mm512_set1_ps(8.3665475e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1667201e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666543e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.49999997f));
    *power = _mm512_scalef_ps(_mm512_set1_ps(1), n);
    return _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r);
}

/* 1 / x for x that has one: an estimate of 14 bits, and a step of Newton's. */
static inline __m512 reciprocal(__m512 x) {
    __m512 y = _mm512_rcp14_ps(x);
    return _mm512_fmadd_ps(y, _mm512_fnmadd_ps(x, y, _mm512_set1_ps(1)), y);
}

/* Minimum and maximum give their second argument where one is NaN. */
static inline __m512 sigmoid_16(__m512 x) {
    const __m512 bound = _mm512_set1_ps(87); /* beyond which the result is below the smallest normal number: zero */
    __m512 power, inverse = _mm512_sub_ps(_mm512_setzero_ps(), x);
    __mmask16 tiny = _mm512_cmp_ps_mask(inverse, bound, _CMP_GT_OQ);
    __m512 p = exponential(_mm512_max_ps(_mm512_set1_ps(-87), _mm512_min_ps(bound, inverse)), &power);
    __m512 y = reciprocal(_mm512_fmadd_ps(power, p, _mm512_add_ps(power, _mm512_set1_ps(1))));
    return _mm512_mask_mov_ps(y, tiny, _mm512_setzero_ps());
}

static inline __m512 tanh_16(__m512 x) {
    const __m512 sign = _mm512_set1_ps(-0.0f);
    __m512 power, size = _mm512_mul_ps(_mm512_set1_ps(-2), _mm512_andnot_ps(sign, x));
    __m512 p = exponential(_mm512_max_ps(_mm512_set1_ps(-20), size), &power);
    __m512 e = _mm512_fmadd_ps(power, p, _mm512_sub_ps(power, _mm512_set1_ps(1)));
    __m512 y = _mm512_mul_ps(e, reciprocal(_mm512_add_ps(e, _mm512_set1_ps(2))));
    return _mm512_or_ps(_mm512_andnot_ps(sign, y), _mm512_and_ps(sign, x));
}

static inline __m512 times(__m512 x, __m512 y) { return _mm512_mul_ps(x, y); }
static inline __m512 plus_times(__m512 sum, __m512 x, __m512 y) { return _mm512_fmadd_ps(x, y, sum); }

/* The derivative of a sigmoid whose value is x. */
static inline __m512 slope(__m512 x) { return _mm512_fnmadd_ps(x, x, x); }

/* ---- forward ---- */

/* What a step reads and writes of a few pixels, side by side: sums that become gates, c, and h. */
typedef struct {
    _Alignas(LINE) float gates[GATES][PAIR * TILE + TILE], c[PAIR * TILE + TILE], h[PAIR * TILE + TILE];
} Few;

/* Bias and peepholes, as often as there are pixels; zeros where there are none. */
typedef struct {
    int peeps;
    _Alignas(LINE) float bias[GATES][PAIR * TILE + TILE], peephole[3][PAIR * TILE + TILE];
} Parameters;

static void repeat(const float *from, float *to, long width) {
    __m512 value = load(from, lanes(width));
    for (long k = 0; k < PAIR; k++)
        _mm512_storeu_ps(to + k * width, value);
}

static void take_parameters(const Pass *pass, long channel, Parameters *to) {
    long hidden = pass->hidden, width = least(TILE, hidden - channel);
    for (long k = 0; k < GATES; k++)
        repeat(pass->bias ? pass->bias + k * hidden + channel : NULL, to->bias[k], width);
    to->peeps = pass->peephole != NULL;
    for (long k = 0; k < 3; k++)
        repeat(pass->peephole ? pass->peephole + k * hidden + channel : NULL, to->peephole[k], width);
}

static inline void run_step(Few *few, const Parameters *parameters, long count) {
    for (long k = 0; k < count; k += TILE) {
        __m512 sums[GATES], c = _mm512_load_ps(few->c + k);
        for (long gate = 0; gate < GATES; gate++)
            sums[gate] = _mm512_add_ps(_mm512_load_ps(few->gates[gate] + k), _mm512_load_ps(parameters->bias[gate] + k));
        if (parameters->peeps) { /* zero times c is not zero where c is not finite */
            sums[0] = plus_times(sums[0], _mm512_load_ps(parameters->peephole[0] + k), c);
            sums[1] = plus_times(sums[1], _mm512_load_ps(parameters->peephole[1] + k), c);
        }
        __m512 i = sigmoid_16(sums[0]), f = sigmoid_16(sums[1]), g = tanh_16(sums[2]);
        c = plus_times(times(i, g), f, c);
        if (parameters->peeps)
            sums[3] = plus_times(sums[3], _mm512_load_ps(parameters->peephole[2] + k), c);
        __m512 o = sigmoid_16(sums[3]);
        _mm512_store_ps(few->gates[0] + k, i), _mm512_store_ps(few->gates[1] + k, f);
        _mm512_store_ps(few->gates[2] + k, g), _mm512_store_ps(few->gates[3] + k, o);
        _mm512_store_ps(few->c + k, c), _mm512_store_ps(few->h + k, times(o, tanh_16(c)));
    }
}

/* A step of the pixels at `places`, for 16 channels or what is left from `channel` on: a row of results holds the sums of
   each gate, side by side. What is copied beside `width` numbers is written over, or not looked at. */
static inline void step_forward(
    const Pass *pass, const float *results, const int32_t *places, long rows, const Parameters *parameters,
    long channel, long time, int from_zero) {
    long hidden = pass->hidden, width = least(TILE, hidden - channel), count = 0, from = 0;
    __mmask16 mask = lanes(width);
    Few few;
    for (long row = 0; row < rows; row++) {
        const float *sums = results + row * WIDE;
        if (places[row] < 0)
            continue;
        for (long gate = 0; gate < GATES; gate++)
            _mm512_storeu_ps(few.gates[gate] + count, _mm512_loadu_ps(sums + gate * width));
        _mm512_storeu_ps(few.c + count, load(from_zero ? NULL : pass->state + places[row] * hidden + channel, mask));
        count += width;
    }
    run_step(&few, parameters, count);
    for (long row = 0; row < rows; row++) {
        if (places[row] < 0)
            continue;
        long at = places[row] * hidden + channel, all = time * pass->pixels;
        _mm512_mask_storeu_ps(pass->state + at, mask, _mm512_loadu_ps(few.c + from));
        _mm512_mask_storeu_ps(pass->output + all * hidden + at, mask, _mm512_loadu_ps(few.h + from));
        float *gates = pass->gates ? pass->gates + (all + places[row]) * GATES * hidden + channel : NULL;
        for (long gate = 0; gates && gate < GATES; gate++)
            _mm512_mask_storeu_ps(gates + gate * hidden, mask, _mm512_loadu_ps(few.gates[gate] + from));
        from += width;
    }
}

static void forward_share(void *data, long thread, long threads) {
    Pass *pass = data;
    Course course = pass->course;
    Term terms[TERMS] = {pass->terms[0], pass->terms[1]};
    _Alignas(LINE) float results[PAIR * WIDE + TILE] = {0};
    Parameters parameters;
    long planes = terms[0].grid.shape.size[0], channels = terms[0].grid.shape.channels;
    long line, end, last = first_of(pass, thread + 1, threads) * planes;
    settle(&course, terms, TERMS, pass->workspace, thread);
    begin_tiles();
    for (long step = 0; step < pass->steps && !pass->odd; step++) {
        long time = time_of(pass, step);
        const float *h = step ? pass->output + time_of(pass, step - 1) * pass->pixels * pass->hidden : pass->h;
        const float *x[TERMS] = {pass->x + time * pass->pixels * channels, h};
        int count = h ? TERMS : 1, from_zero = !step && !pass->c;
        for (line = first_of(pass, thread, threads) * planes; line < last; line = end) {
            end = least(last, line + course.lines);
            long tiles = take_lines(&course, terms, count, x, line, end);
            for (long channel = 0; channel < pass->hidden; channel += TILE) {
                take_parameters(pass, channel, &parameters);
                for (long k = 0; k < tiles; k += 2) {
                    long tile = channel / TILE * GATES, wide = tiles_of(least(TILE, pass->hidden - channel) * GATES);
                    long rows = convolve(&course, k, tiles, terms, count, tile, wide > 1, results, WIDE);
                    if (wide > 2)
                        convolve(&course, k, tiles, terms, count, tile + 2, wide > 3, results + PAIR, WIDE);
                    if (are_odd(results, rows * WIDE))
                        pass->odd = 1;
                    step_forward(
                        pass, results, course.places + k * TILE, rows, &parameters, channel, time, from_zero);
                }
            }
        }
    }
    _tile_release();
}

/* ---- backward ---- */

/* c after every step once more, from the gates. */
static void make_cells(const Pass *pass, long pixel, long end) {
    long hidden = pass->hidden, size = pass->pixels * hidden;
    for (long step = 0; step < pass->steps; step++) {
        long time = time_of(pass, step);
        const float *before = step ? pass->cells + time_of(pass, step - 1) * size : pass->c;
        for (long row = pixel; row < end; row++)
            for (long channel = 0; channel < hidden; channel += TILE) {
                __mmask16 mask = lanes(hidden - channel);
                const float *gates = pass->gates + (time * pass->pixels + row) * GATES * hidden + channel;
                __m512 c = times(load(gates, mask), load(gates + 2 * hidden, mask));
                if (before)
                    c = plus_times(c, load(gates + hidden, mask), load(before + row * hidden + channel, mask));
                _mm512_mask_storeu_ps(pass->cells + time * size + row * hidden + channel, mask, c);
            }
    }
}

/* One pixel, 16 channels from `channel` on: its gates become the gradients of their sums. `grad` is that of h through
   the next step; `totals` are those of the gates over pixels. */
static inline void
step_backward(const Pass *pass, const float *grad, long pixel, long channel, long step, __m512 *totals) {
    long hidden = pass->hidden, time = time_of(pass, step), size = pass->pixels * hidden, at = pixel * hidden + channel;
    __mmask16 mask = lanes(hidden - channel);
    const __m512 one = _mm512_set1_ps(1);
    const float *before = step ? pass->cells + time_of(pass, step - 1) * size : pass->c;
    const float *peephole = pass->peephole ? pass->peephole + channel : NULL;
    float *gates = pass->gates + (time * pass->pixels + pixel) * GATES * hidden + channel;
    __m512 i = load(gates, mask), f = load(gates + hidden, mask);
    __m512 g = load(gates + 2 * hidden, mask), o = load(gates + 3 * hidden, mask);
    __m512 tanh_c = tanh_16(load(pass->cells + time * size + at, mask)), old = load(before ? before + at : NULL, mask);
    __m512 to_h = load(pass->grad_output ? pass->grad_output + time * size + at : NULL, mask);
    to_h = _mm512_add_ps(to_h, _mm512_load_ps(grad));
    _mm512_mask_storeu_ps(pass->output + time * size + at, mask, times(o, tanh_c));
    __m512 to_o = times(times(to_h, tanh_c), slope(o));
    __m512 to_c = plus_times(load(pass->grad_c + at, mask), times(to_h, o), _mm512_fnmadd_ps(tanh_c, tanh_c, one));
    if (peephole)
        to_c = plus_times(to_c, load(peephole + 2 * hidden, mask), to_o);
    __m512 to_i = times(times(to_c, g), slope(i)), to_f = times(times(to_c, old), slope(f));
    __m512 to_g = times(times(to_c, i), _mm512_fnmadd_ps(g, g, one));
    to_c = times(to_c, f);
    if (peephole) {
        to_c = plus_times(to_c, load(peephole, mask), to_i);
        to_c = plus_times(to_c, load(peephole + hidden, mask), to_f);
    }
    totals[0] = _mm512_add_ps(totals[0], to_i), totals[1] = _mm512_add_ps(totals[1], to_f);
    totals[2] = _mm512_add_ps(totals[2], to_g), totals[3] = _mm512_add_ps(totals[3], to_o);
    _mm512_mask_storeu_ps(gates, mask, to_i);
    _mm512_mask_storeu_ps(gates + hidden, mask, to_f);
    _mm512_mask_storeu_ps(gates + 2 * hidden, mask, to_g);
    _mm512_mask_storeu_ps(gates + 3 * hidden, mask, to_o);
    _mm512_mask_storeu_ps(pass->grad_c + at, mask, to_c);
}

/* Adds the totals of a few pixels to those of the thread, which are many and therefore wide. */
static void add_totals(const Pass *pass, double *all, const __m512 *totals, long channel) {
    _Alignas(LINE) float some[TILE];
    for (long gate = 0; gate < GATES; gate++) {
        _mm512_store_ps(some, totals[gate]);
        for (long k = 0; k < least(TILE, pass->hidden - channel); k++)
            all[gate * pass->hidden + channel + k] += some[k];
    }
}

/* The last step, whose h is seen by nothing but the result. */
static void last_backward(const Pass *pass, long first, long end, double *all) {
    _Alignas(LINE) float grad[TILE];
    for (; first < end; first += PAIR)
        for (long channel = 0; channel < pass->hidden; channel += TILE) {
            __m512 totals[GATES] = {_mm512_setzero_ps()};
            for (long pixel = first; pixel < least(end, first + PAIR); pixel++) {
                const float *from = pass->grad_h ? pass->grad_h + pixel * pass->hidden + channel : NULL;
                _mm512_store_ps(grad, load(from, lanes(pass->hidden - channel)));
                step_backward(pass, grad, pixel, channel, pass->steps - 1, totals);
            }
            add_totals(pass, all, totals, channel);
        }
}

/* What rows of results, the gradient of h before `step`, are for. */
static inline void
take_gradient(const Pass *pass, const float *results, const int32_t *places, long rows, long channel, long step, double *all) {
    __m512 totals[GATES] = {_mm512_setzero_ps()};
    for (long row = 0; row < rows; row++, results += PAIR) {
        if (places[row] < 0)
            continue;
        if (step)
            step_backward(pass, results, places[row], channel, step - 1, totals);
        else
            _mm512_mask_storeu_ps(
                pass->grad_h_before + places[row] * pass->hidden + channel, lanes(pass->hidden - channel),
                _mm512_load_ps(results));
    }
    if (step)
        add_totals(pass, all, totals, channel);
}

static void backward_share(void *data, long thread, long threads) {
    Pass *pass = data;
    Course course = pass->course;
    Term term = pass->terms[0];
    _Alignas(LINE) float results[PAIR * PAIR];
    long first = first_of(pass, thread, threads), after = first_of(pass, thread + 1, threads);
    long planes = term.grid.shape.size[0], space = pass->pixels / pass->batch, end;
    double *all = pass->totals + thread * GATES * pass->hidden;
    memset(all, 0, GATES * pass->hidden * sizeof *all);
    settle(&course, &term, 1, pass->workspace, thread);
    make_cells(pass, first * space, after * space);
    last_backward(pass, first * space, after * space, all);
    begin_tiles();
    for (long step = pass->steps - 1; step >= (pass->grad_h_before ? 0 : 1) && !pass->odd; step--) {
        const float *grad = pass->gates + time_of(pass, step) * pass->pixels * GATES * pass->hidden;
        for (long line = first * planes; line < after * planes; line = end) {
            end = least(after * planes, line + course.lines);
            long tiles = take_lines(&course, &term, 1, &grad, line, end), columns = tiles_of(pass->hidden);
            for (long tile = 0; tile < columns; tile += 2)
                for (long k = 0; k < tiles; k += 2) {
                    const int32_t *places = course.places + k * TILE;
                    long rows = convolve(&course, k, tiles, &term, 1, tile, tile + 1 < columns, results, PAIR);
                    if (are_odd(results, rows * PAIR))
                        pass->odd = 1;
                    for (long side = 0; side < least(2, columns - tile); side++)
                        take_gradient(pass, results + side * TILE, places, rows, (tile + side) * TILE, step, all);
                }
        }
    }
    _tile_release();
}

/* ---- what Python calls ---- */

typedef struct {
    long steps, reverse, hidden;
} Sizes;

static Pass begin(const Sizes *sizes, Term one, Term two, int count) {
    const Shape *shape = &one.grid.shape;
    long channels = shape->channels;
    if (count > 1) {
        join(&one.grid, &two.grid);
        channels += two.grid.shape.channels;
    }
    return (Pass){
        .terms = {one, two},
        .course = course_of(&one.grid, channels),
        .steps = sizes->steps,
        .reverse = (int)sizes->reverse,
        .batch = shape->batch,
        .pixels = shape->batch * shape->size[0] * shape->size[1] * shape->size[2],
        .hidden = sizes->hidden,
    };
}

/* Bytes that each thread needs beside, forward (two shapes) or backward (one, and NULL). */
long framecast_tiles_lstm_workspace(const Sizes *sizes, const Shape *one, const Shape *two) {
    Term first = {.grid = grid_of(one)}, second = {.grid = grid_of(two ? two : one)};
    return begin(sizes, first, second, two ? 2 : 1).course.bytes;
}

/* Outputs, the state c at the end, which is there from the beginning unless `from_zero`, and gates. Returns whether a
   result was odd: all are then without meaning, as they are for the backward. */
int framecast_tiles_lstm(
    const Sizes *sizes, const Shape *input, const Shape *hidden, const void *weight_ih, const void *weight_hh,
    const float *const *given, float *const *made, void *workspace, int threads, void *const *openmp) {
    Pass pass = begin(sizes, (Term){grid_of(input), weight_ih, NULL, 0}, (Term){grid_of(hidden), weight_hh, NULL, 0}, 2);
    pass.x = given[0], pass.h = given[1], pass.c = given[2], pass.bias = given[3], pass.peephole = given[4];
    pass.gates = made[0], pass.output = made[1], pass.state = made[2];
    pass.workspace = workspace;
    in_parallel(forward_share, &pass, least(threads, pass.batch), openmp);
    return pass.odd;
}

/* Gates become the gradients of their sums, whose totals of every thread are given, and grad_c that of c before the
   first step; h and c are made again. */
int framecast_tiles_lstm_backward(
    const Sizes *sizes, const Shape *turned, const void *weight, const float *const *given, float *const *made,
    double *totals, void *workspace, int threads, void *const *openmp) {
    Term term = {grid_of(turned), weight, NULL, 0};
    Pass pass = begin(sizes, term, term, 1);
    pass.c = given[0], pass.peephole = given[1], pass.grad_output = given[2], pass.grad_h = given[3];
    pass.gates = made[0], pass.output = made[1], pass.cells = made[2], pass.grad_c = made[3], pass.grad_h_before = made[4];
    pass.totals = totals;
    pass.workspace = workspace;
    in_parallel(backward_share, &pass, least(threads, pass.batch), openmp);
    return pass.odd;
}

#endif
