/* A distribution of nanoseconds: bins of 0.1 %, exact count, sum and maximum. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { TALLY_BITS = 10, TALLY_BINS = 40 << TALLY_BITS };

typedef struct {
    uint64_t count, bins[TALLY_BINS];
    int64_t max;
    double sum;
} Tally;

static void add(Tally *tally, int64_t value) {
    if (value < 1) value = 1;
    int power = 63 - __builtin_clzll(value);
    uint64_t rest = power > TALLY_BITS ? (uint64_t)value >> (power - TALLY_BITS) : (uint64_t)value << (TALLY_BITS - power);
    if (power < 40) tally->bins[((uint64_t)power << TALLY_BITS) + (rest & ((1 << TALLY_BITS) - 1))]++;
    tally->count++;
    tally->sum += value;
    if (value > tally->max) tally->max = value;
}

static double quantile(const Tally *tally, double share) {
    uint64_t wanted = (uint64_t)ceil(share * tally->count), seen = 0;
    for (int bin = 0; bin < TALLY_BINS; bin++)
        if ((seen += tally->bins[bin]) >= wanted && seen) {
            double value = ldexp(1 + ((bin & ((1 << TALLY_BITS) - 1)) + 0.5) / (1 << TALLY_BITS), bin >> TALLY_BITS);
            return (value < tally->max ? value : tally->max) * 1e-9;
        }
    return tally->max * 1e-9;
}

static inline void clear(Tally *tally) { memset(tally, 0, sizeof *tally); }

/* A member of a JSON object, with the comma before it: count alone while it is empty. */
static int tell(char *to, const char *name, const Tally *tally) {
    if (!tally->count) return sprintf(to, ",\"%s\":{\"count\":0}", name);
    return sprintf(to, ",\"%s\":{\"count\":%lu,\"mean\":%.9f,\"p50\":%.9f,\"p90\":%.9f,\"p99\":%.9f,\"max\":%.9f}", name,
                   tally->count, tally->sum / tally->count * 1e-9, quantile(tally, 0.5), quantile(tally, 0.9),
                   quantile(tally, 0.99), tally->max * 1e-9);
}
