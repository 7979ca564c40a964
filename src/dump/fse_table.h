/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of finite state entropy, for writing: symbols of one kind (RFC 8878, 4.1). The
 * same table serves page after page, with its description at hand as bytes.
 */
#ifndef DUMP_FSE_TABLE_H
#define DUMP_FSE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FSE_LOG_MAX	    9
#define FSE_SYMBOLS_MAX	    53
#define FSE_DESCRIPTION_MAX 96

struct fse_table {
	unsigned int log;
	uint8_t description[FSE_DESCRIPTION_MAX];
	size_t description_size; /* 0: one of RFC 8878's default tables */
	uint64_t symbols;	 /* a bit for each that it has */
	uint16_t states[1 << FSE_LOG_MAX];
	struct fse_step {
		uint32_t bits; /* << 16, less where the next state takes one more */
		int32_t find;
	} steps[FSE_SYMBOLS_MAX];
};

/*
 * Of a distribution: @shares sum up to 1 << @log, where -1 is "less than one" and counts
 * as one.
 */
void fse_table_make(struct fse_table *table, const int16_t *shares, unsigned int count,
		    unsigned int log);

/* As @make, of how often each symbol was seen; false: there are none, or only one. */
bool fse_table_train(struct fse_table *table, const uint32_t *seen, unsigned int count,
		     unsigned int log);

/* The state after the last symbol: it is encoded first. */
static inline uint32_t fse_begin(const struct fse_table *table, unsigned int symbol)
{
	struct fse_step step = table->steps[symbol];
	uint32_t bits = (step.bits + (1 << 15)) >> 16;
	uint32_t state = (bits << 16) - step.bits;

	return table->states[(int32_t)(state >> bits) + step.find];
}

/* The state before a symbol; of the state after it so many low bits are to be kept. */
static inline uint32_t fse_step(const struct fse_table *table, unsigned int symbol,
				uint32_t state, uint32_t *ret_bits)
{
	struct fse_step step = table->steps[symbol];
	uint32_t bits = (state + step.bits) >> 16;

	*ret_bits = bits;
	return table->states[(int32_t)(state >> bits) + step.find];
}

#endif
