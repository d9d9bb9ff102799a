/* The pointwise steps that are declared in sequence/_lstm.py and sequence/_gru.py, one pass over memory each, for float32
   and bfloat16 data with a float32 state.

   Operands are those of the declarations of the same names there. A matrix has R rows, one after another, of
   H columns or of H for each gate. Work is done in blocks: a few whole rows, or a part of one row where H is large. The
   states (R, H) of a block are then one run of numbers; gates are copied into runs of the same order, so that the
   arithmetic fills its vectors whatever H is. No intrinsics: gcc and clang vectorise these loops themselves. */

#include "steps.h"

enum {
    BLOCK = 512,           /* elements of a state in a block: all that a step holds of it fits in the first cache */
    SHORT = 32,            /* rows of fewer 16-bit numbers are vectorised badly */
    WORTH_A_THREAD = 8192, /* elements of a state that make up for waking a thread */
};

typedef struct {
    long rows, hidden;
    int bf16;
    void *const *tensors; /* NULL where None was given */
} Call;

typedef struct {
    long row, rows, column, width;
} Block;

typedef void Step(const Call *, Block);

/* ---- blocks of matrices ---- */

/* Runs `statement` for every element of a block: `k` is its place in the block, `at` that in a matrix with `parts`
   times H columns, from whose part-th H it is taken. */
#define EACH(parts, part, statement)                                                      \
    do {                                                                                  \
        int one_run = (parts) == 1;                                                       \
        long rows_ = one_run ? 1 : b.rows, width_ = one_run ? b.rows * b.width : b.width; \
        for (long row_ = 0; row_ < rows_; row_++) {                                       \
            long start_ = ((b.row + row_) * (parts) + (part)) * call->hidden + b.column;  \
            for (long column_ = 0; column_ < width_; column_++) {                         \
                long k = row_ * width_ + column_, at = start_ + column_;                  \
                statement;                                                                \
            }                                                                             \
        }                                                                                 \
    } while (0)

/* Short rows of bfloat16 are converted as one run, into or from a copy of the block, and taken apart there. */
static inline int by_copy(const Call *call, long parts) { return call->bf16 && parts > 1 && call->hidden < SHORT; }

static inline void read(float *const *x, const void *matrix, int adding, const Call *call, Block b, long parts) {
    const float *f32 = matrix;
    const uint16_t *bf16 = matrix;
    float copy[4 * BLOCK];
    int narrow_rows = call->bf16;
    if (by_copy(call, parts)) {
        bf16 += b.row * parts * call->hidden;
        for (long k = 0; k < b.rows * parts * b.width; k++)
            copy[k] = widen(bf16[k]);
        f32 = copy;
        b.row = 0;
        narrow_rows = 0;
    }
    for (long part = 0; part < parts; part++) {
        float *restrict to = x[part];
        if (!to)
            continue;
        if (adding && narrow_rows)
            EACH(parts, part, to[k] += widen(bf16[at]));
        else if (adding)
            EACH(parts, part, to[k] += f32[at]);
        else if (narrow_rows)
            EACH(parts, part, to[k] = widen(bf16[at]));
        else
            EACH(parts, part, to[k] = f32[at]);
    }
}

/* The block of each of the matrix's parts, except those that have nowhere to go; zeros of None. */
static inline void load(float *const *x, const void *matrix, const Call *call, Block b, long parts) {
    if (matrix)
        read(x, matrix, 0, call, b, parts);
    else
        for (long part = 0; part < parts; part++)
            memset(x[part], 0, b.rows * b.width * sizeof **x);
}

static inline void add(float *const *x, const void *matrix, const Call *call, Block b, long parts) {
    if (matrix)
        read(x, matrix, 1, call, b, parts);
}

static inline void store(float *const *x, void *matrix, const Call *call, Block b, long parts) {
    float copy[4 * BLOCK], *f32 = matrix;
    uint16_t *bf16 = matrix;
    int copied = by_copy(call, parts);
    if (copied) {
        bf16 += b.row * parts * call->hidden;
        f32 = copy;
        b.row = 0;
    }
    for (long part = 0; part < parts; part++) {
        const float *restrict from = x[part];
        if (call->bf16 && !copied)
            EACH(parts, part, bf16[at] = narrow(from[k]));
        else
            EACH(parts, part, f32[at] = from[k]);
    }
    if (copied)
        for (long k = 0; k < b.rows * parts * b.width; k++)
            bf16[k] = narrow(copy[k]);
}

/* A float32 state's block, in place; zeros of None. */
static inline float *state(const Call *call, Block b, int tensor) {
    static float zeros[BLOCK];
    float *matrix = call->tensors[tensor];
    return matrix ? matrix + b.row * call->hidden + b.column : zeros;
}

/* Adds the part-th row of peephole weights (3, H), if there are any, times a state. */
static inline void add_peephole(
    float *restrict x, const float *peephole, const float *restrict c, const Call *call, Block b, long part) {
    if (!peephole)
        return;
    const float *restrict weights = peephole + part * call->hidden + b.column;
    for (long row = 0; row < b.rows; row++)
        for (long column = 0; column < b.width; column++)
            x[row * b.width + column] += weights[column] * c[row * b.width + column];
}

/* ---- steps ---- */

static void lstm(const Call *call, Block b) {
    void *gates = call->tensors[0], *h = call->tensors[4];
    const void *added = call->tensors[1];
    const float *restrict c_prev = state(call, b, 2), *peephole = call->tensors[3];
    float *restrict c = state(call, b, 5);
    float i[BLOCK], f[BLOCK], g[BLOCK], o[BLOCK], output[BLOCK], *all[] = {i, f, g, o}, *out[] = {output};
    long n = b.rows * b.width;

    load(all, gates, call, b, 4);
    add(all, added, call, b, 4);
    add_peephole(i, peephole, c_prev, call, b, 0);
    add_peephole(f, peephole, c_prev, call, b, 1);
    for (long k = 0; k < n; k++) {
        i[k] = sigmoid(i[k]);
        f[k] = sigmoid(f[k]);
        g[k] = tanh_(g[k]);
        c[k] = i[k] * g[k] + f[k] * c_prev[k];
    }
    add_peephole(o, peephole, c, call, b, 2);
    for (long k = 0; k < n; k++) {
        o[k] = sigmoid(o[k]);
        output[k] = o[k] * tanh_(c[k]);
    }
    store(all, gates, call, b, 4);
    store(out, h, call, b, 1);
}

static void lstm_state(const Call *call, Block b) {
    const void *gates = call->tensors[0];
    const float *restrict c_prev = state(call, b, 1);
    float *restrict c = state(call, b, 2);
    float i[BLOCK], f[BLOCK], g[BLOCK], *all[] = {i, f, g, NULL};

    load(all, gates, call, b, 4);
    for (long k = 0; k < b.rows * b.width; k++)
        c[k] = i[k] * g[k] + f[k] * c_prev[k];
}

static void lstm_backward(const Call *call, Block b) {
    const void *gates = call->tensors[0], *grad_h = call->tensors[3], *added = call->tensors[4];
    const float *restrict c_prev = state(call, b, 1), *restrict c = state(call, b, 2), *peephole = call->tensors[6];
    float *restrict grad_c = state(call, b, 5);
    void *grad_gates = call->tensors[7], *h = call->tensors[8];
    float i[BLOCK], f[BLOCK], g[BLOCK], o[BLOCK], grad[BLOCK], output[BLOCK];
    float *all[] = {i, f, g, o}, *in[] = {grad}, *out[] = {output};
    long n = b.rows * b.width;

    load(all, gates, call, b, 4);
    load(in, grad_h, call, b, 1);
    add(in, added, call, b, 1);
    for (long k = 0; k < n; k++) {
        float tanh_c = tanh_(c[k]), open = o[k];
        output[k] = open * tanh_c;
        o[k] = grad[k] * tanh_c * open * (1 - open);
        grad_c[k] += grad[k] * open * (1 - tanh_c * tanh_c);
    }
    add_peephole(grad_c, peephole, o, call, b, 2);
    for (long k = 0; k < n; k++) {
        float write = i[k], keep = f[k], new = g[k], to_c = grad_c[k];
        i[k] = to_c * new * write * (1 - write);
        f[k] = to_c * c_prev[k] * keep * (1 - keep);
        g[k] = to_c * write * (1 - new * new);
        grad_c[k] = to_c * keep;
    }
    add_peephole(grad_c, peephole, i, call, b, 0);
    add_peephole(grad_c, peephole, f, call, b, 1);
    store(all, grad_gates, call, b, 4);
    if (h)
        store(out, h, call, b, 1);
}

static void gru(const Call *call, Block b) {
    void *gates = call->tensors[0], *h = call->tensors[3], *hidden_n = call->tensors[4];
    const void *recurrent = call->tensors[1], *h_prev = call->tensors[2];
    float r[BLOCK], z[BLOCK], n[BLOCK], to_r[BLOCK], to_z[BLOCK], to_n[BLOCK], old[BLOCK];
    float *all[] = {r, z, n}, *to[] = {to_r, to_z, to_n}, *prev[] = {old};

    load(all, gates, call, b, 3);
    load(to, recurrent, call, b, 3);
    load(prev, h_prev, call, b, 1);
    for (long k = 0; k < b.rows * b.width; k++) {
        r[k] = sigmoid(r[k] + to_r[k]);
        z[k] = sigmoid(z[k] + to_z[k]);
        n[k] = tanh_(n[k] + r[k] * to_n[k]);
        old[k] = n[k] + z[k] * (old[k] - n[k]);
    }
    store(all, gates, call, b, 3);
    store(prev, h, call, b, 1);
    store(to + 2, hidden_n, call, b, 1);
}

static void gru_backward(const Call *call, Block b) {
    const void *gates = call->tensors[0], *hidden_n = call->tensors[1], *h_prev = call->tensors[2];
    const void *grad_h = call->tensors[3], *added = call->tensors[4];
    float *restrict carried = state(call, b, 5);
    void *grad_gates = call->tensors[6], *grad_recurrent = call->tensors[7];
    float r[BLOCK], z[BLOCK], n[BLOCK], to_n[BLOCK], old[BLOCK], grad[BLOCK];
    float *all[] = {r, z, n}, *to[] = {r, z, to_n}, *prev[] = {old}, *in[] = {grad};
    long count = b.rows * b.width;

    load(all, gates, call, b, 3);
    load(to + 2, hidden_n, call, b, 1);
    load(prev, h_prev, call, b, 1);
    memcpy(grad, carried, count * sizeof *grad);
    add(in, grad_h, call, b, 1);
    add(in, added, call, b, 1);
    for (long k = 0; k < count; k++) {
        float reset = r[k], keep = z[k], new = n[k], to_h = grad[k];
        n[k] = to_h * (1 - keep) * (1 - new * new);
        z[k] = to_h * (old[k] - new) * keep * (1 - keep);
        r[k] = n[k] * to_n[k] * reset * (1 - reset);
        to_n[k] = n[k] * reset;
        carried[k] = to_h * keep;
    }
    store(all, grad_gates, call, b, 3);
    store(to, grad_recurrent, call, b, 3);
}

/* ---- rows over threads ---- */

typedef struct {
    Step *step;
    Call call;
} Job;

static void run_rows(const Job *job, long row, long end) {
    long hidden = job->call.hidden, width = hidden < BLOCK ? hidden : BLOCK, height = BLOCK / width;
    for (; row < end; row += height)
        for (long column = 0; column < hidden; column += width) {
            Block b = {row, end - row < height ? end - row : height, column, width};
            if (hidden - column < width)
                b.width = hidden - column;
            job->step(&job->call, b);
        }
}

static void run_rows_of(void *data, long thread, long threads) {
    const Job *job = data;
    long rows = job->call.rows;
    run_rows(job, rows * thread / threads, rows * (thread + 1) / threads);
}

/* The steps, each with its name and those of its operands as they are declared. */
static const struct {
    const char *signature;
    Step *step;
} steps[] = {
    {"lstm gates added c_prev peephole h c", lstm},
    {"lstm_state gates c_prev c", lstm_state},
    {"lstm_backward gates c_prev c grad_h added grad_c peephole grad_gates h", lstm_backward},
    {"gru gates recurrent h_prev h hidden_n", gru},
    {"gru_backward gates hidden_n h_prev grad_h added carried grad_gates grad_recurrent", gru_backward},
};

/* The signature of the k-th step; NULL behind the last. */
const char *framecast_step_signature(int k) {
    return k < (int)(sizeof steps / sizeof *steps) ? steps[k].signature : NULL;
}

/* The k-th step; `openmp` as in_parallel() has it. */
void framecast_step(int k, long rows, long hidden, int bf16, int threads, void *const *openmp, void *const *tensors) {
    Job job = {steps[k].step, {rows, hidden, bf16, tensors}};
    long worth = rows * hidden / WORTH_A_THREAD;
    if (hidden < 1)
        return;
    in_parallel(run_rows_of, &job, worth < threads ? worth : threads, openmp);
}
