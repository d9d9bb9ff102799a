/* What the compiled kernels share: bfloat16, and work over threads. */

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
static void in_parallel(Share *share, void *job, long threads, void *const *openmp) {
    if (threads < 2 || !openmp) {
        share(job, 0, 1);
        return;
    }
    Team team = {share, job, (Number *)openmp[1], (Number *)openmp[2]};
    ((Parallel *)openmp[0])(run_share, &team, (unsigned)threads, 0);
}
