/* The matrix unit in plain C, for tests on processors that have AVX-512 but no unit: slow, and as exact.

   The names are those of the compiler's own functions, of the same operations (Intel, "Architecture Instruction Set
   Extensions", TDPBF16PS): products of the even terms are added up by themselves, those of the odd ones, too, with one
   rounding each; then both to the result. Numbers below 2^-126 count as zero everywhere. A tile without a configuration
   stops the program, as it does with the unit. */

#include <immintrin.h>

typedef struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} EmulatedConfig;

typedef struct {
    _Alignas(64) uint8_t row[16][64];
} EmulatedTile;

/* Of each thread, and of each source: all that a source does with tiles is between a configuration and a release. */
static _Thread_local EmulatedConfig emulated_config;
static _Thread_local EmulatedTile emulated_tiles[8];

static inline EmulatedTile *emulated_tile(int tile) {
    if (emulated_config.palette != 1 || !emulated_config.rows[tile] || !emulated_config.bytes[tile])
        __builtin_trap();
    return &emulated_tiles[tile];
}

static inline void emulated_loadconfig(const void *config) {
    memcpy(&emulated_config, config, sizeof emulated_config);
    memset(emulated_tiles, 0, sizeof emulated_tiles);
}

static inline void emulated_release(void) { memset(&emulated_config, 0, sizeof emulated_config); }

static inline void emulated_zero(int tile) { memset(emulated_tile(tile), 0, sizeof(EmulatedTile)); }

static inline void emulated_loadd(int tile, const void *from, long stride) {
    EmulatedTile *to = emulated_tile(tile);
    memset(to, 0, sizeof *to);
    for (int row = 0; row < emulated_config.rows[tile]; row++)
        memcpy(to->row[row], (const char *)from + row * stride, emulated_config.bytes[tile]);
}

static inline void emulated_stored(int tile, void *to, long stride) {
    const EmulatedTile *from = emulated_tile(tile);
    for (int row = 0; row < emulated_config.rows[tile]; row++)
        memcpy((char *)to + row * stride, from->row[row], emulated_config.bytes[tile]);
}

/* Of two bfloat16 numbers in each word, the one in the lower half and the one in the upper half, in float32. */
static inline __m512 emulated_even(__m512i words) { return (__m512)_mm512_slli_epi32(words, 16); }
static inline __m512 emulated_odd(__m512i words) {
    return (__m512)_mm512_and_epi32(words, _mm512_set1_epi32((int)0xffff0000));
}

/* Not inline: nothing of it may be moved to where small numbers are numbers again. */
static __attribute__((noinline, unused)) void
emulated_products(EmulatedTile *sums, const EmulatedTile *rows, const EmulatedTile *columns, int count, int terms) {
    for (int row = 0; row < count; row++) {
        __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
        for (int k = 0; k < terms; k++) {
            uint32_t pair;
            memcpy(&pair, rows->row[row] + k * sizeof pair, sizeof pair);
            __m512i one = _mm512_set1_epi32((int)pair), other = _mm512_load_si512(columns->row[k]);
            even = _mm512_fmadd_ps(emulated_even(one), emulated_even(other), even);
            odd = _mm512_fmadd_ps(emulated_odd(one), emulated_odd(other), odd);
        }
        _mm512_store_ps(sums->row[row], _mm512_add_ps(_mm512_load_ps(sums->row[row]), _mm512_add_ps(even, odd)));
    }
}

static inline void emulated_dpbf16ps(int sums, int rows, int columns) {
    const unsigned small_is_zero = 0x8040, before = _mm_getcsr(); /* of results and of what is read */
    EmulatedTile *result = emulated_tile(sums), *one = emulated_tile(rows), *other = emulated_tile(columns);
    _mm_setcsr(before | small_is_zero);
    __asm__ volatile("" ::: "memory");
    emulated_products(result, one, other, emulated_config.rows[sums], emulated_config.bytes[rows] / 4);
    __asm__ volatile("" ::: "memory");
    _mm_setcsr(before);
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig emulated_loadconfig
#define _tile_release emulated_release
#define _tile_zero emulated_zero
#define _tile_loadd emulated_loadd
#define _tile_stored emulated_stored
#define _tile_dpbf16ps emulated_dpbf16ps
