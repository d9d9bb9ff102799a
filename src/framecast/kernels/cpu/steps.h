/* What the compiled kernels share: functions of one number, and work over threads. */

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t bits(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float from_bits(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static inline float widen(uint16_t x) { return from_bits((uint32_t)x << 16); }

static inline uint16_t narrow(float x) {
    uint32_t u = bits(x), to_nearest_even = u + 0x7fff + (u >> 16 & 1);
    return (x != x ? 0x7fc00000 : to_nearest_even) >> 16;
}

/* exp(x) - 1 to about 2 units in the last place of the *result*, tiny ones too; inf where it overflows, NaN of NaN.
   x = n ln 2 + r; exp(r) - 1 by a minimax polynomial. The comparisons are such that NaN passes. */
static inline float exp_minus_1(float x) {
    const float shift = 0x1.8p23f; /* adding it rounds to a whole number, left in the low bits */
    x = x < -20.0f ? -20.0f : x;
    x = x > 89.0f ? 89.0f : x;
    float shifted = x * 1.44269504f + shift, n = shifted - shift;
    float r = x - n * 0.693359375f - n * -2.12194440e-4f;
    float p = 1.3882513e-3f;
    p = p * r + 8.3665475e-3f;
    p = p * r + 4.1667201e-2f;
    p = p * r + 1.6666543e-1f;
    p = p * r + 0.49999997f;
    p = p * (r * r) + r;
    float half = from_bits((bits(shifted) + 126) << 23); /* 2^(n-1): 2^n itself may overflow before the result does */
    return 2.0f * (half * p + (half - 0.5f));
}

static inline float sigmoid(float x) { return 1.0f / (2.0f + exp_minus_1(-x)); }

static inline float tanh_(float x) {
    float e = exp_minus_1(-2.0f * fabsf(x));
    return copysignf(e / (2.0f + e), x);
}

/* What compilers emit for `omp parallel`, and two functions of OpenMP. They are given at run time, from the library
   that PyTorch uses: a second pool of threads would fight with the first over the cores. */
typedef void Parallel(void (*)(void *), void *, unsigned, unsigned);
typedef int Number(void);
typedef void Share(void *job, long thread, long threads);

typedef struct {
    Share *share;
    void *job;
    Number *thread, *threads;
} Team;

static void run_share(void *data) {
    const Team *team = data;
    team->share(team->job, team->thread(), team->threads());
}

/* Runs `share` on as many threads. `openmp` holds GOMP_parallel, omp_get_thread_num and omp_get_num_threads, or is
   NULL. */
static inline void in_parallel(Share *share, void *job, long threads, void *const *openmp) {
    if (threads < 2 || !openmp) {
        share(job, 0, 1);
        return;
    }
    Team team = {share, job, (Number *)openmp[1], (Number *)openmp[2]};
    ((Parallel *)openmp[0])(run_share, &team, (unsigned)threads, 0);
}
