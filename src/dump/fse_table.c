// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/fse_table.h"

#include <string.h>

#include "base/size.h"

static unsigned int log2_of(uint32_t value)
{
	return 31 - (unsigned int)__builtin_clz(value);
}

static unsigned int cells_of(int16_t share)
{
	return share < 0 ? 1 : (unsigned int)share;
}

/* --- the description (RFC 8878, 4.1.1) -----------------------------------------------
 */

struct bits {
	uint8_t *out;
	uint64_t value;
	unsigned int count;
	size_t size;
};

static void bits_add(struct bits *b, uint32_t value, unsigned int count)
{
	b->value |= (uint64_t)value << b->count;
	b->count += count;
	for (; b->count >= 8; b->count -= 8, b->value >>= 8)
		b->out[b->size++] = (uint8_t)b->value;
}

/* Symbols of share 0 behind one of share 0: two bits each three of them. */
static void bits_add_zeros(struct bits *b, unsigned int zeros)
{
	for (; zeros >= 3; zeros -= 3)
		bits_add(b, 3, 2);
	bits_add(b, zeros, 2);
}

static void describe(struct fse_table *table, const int16_t *shares, unsigned int count)
{
	struct bits b = { .out = table->description };
	unsigned int left = (1u << table->log) + 1; // what a share may still be, + 1
	unsigned int symbol = 0;

	bits_add(&b, table->log - 5, 4);
	while (symbol < count && left > 1) {
		/* Of the values 0..left the lowest need one bit less than the others. */
		unsigned int full = log2_of(left), half = 1u << full;
		unsigned int few = 2 * half - 1 - left;
		unsigned int value = (unsigned int)(shares[symbol] + 1);

		if (value < few)
			bits_add(&b, value, full);
		else
			bits_add(&b, value >= half ? value + few : value, full + 1);
		left -= cells_of(shares[symbol]);
		if (shares[symbol++] == 0) {
			unsigned int start = symbol;

			while (symbol < count && shares[symbol] == 0)
				symbol++;
			bits_add_zeros(&b, symbol - start);
		}
	}
	bits_add(&b, 0, 7);
	table->description_size = b.size;
}

/* --- the states (4.1.1, "From normalized distribution to decoding tables") -----------
 */

static void spread(uint8_t *cells, const int16_t *shares, unsigned int count,
		   unsigned int log)
{
	unsigned int size = 1u << log, high = size, at = 0;

	for (unsigned int s = 0; s < count; s++)
		if (shares[s] < 0)
			cells[--high] = (uint8_t)s;
	for (unsigned int s = 0; s < count; s++)
		for (int i = 0; i < shares[s]; i++) {
			cells[at] = (uint8_t)s;
			do
				at = (at + (size >> 1) + (size >> 3) + 3) & (size - 1);
			while (at >= high);
		}
}

void fse_table_make(struct fse_table *table, const int16_t *shares, unsigned int count,
		    unsigned int log)
{
	uint8_t cells[1 << FSE_LOG_MAX];
	uint16_t next[FSE_SYMBOLS_MAX];
	unsigned int size = 1u << log, total = 0;

	table->log = log;
	table->symbols = 0;
	spread(cells, shares, count, log);
	for (unsigned int s = 0; s < count; s++) {
		unsigned int n = cells_of(shares[s]);
		unsigned int bits = n > 1 ? log - log2_of(n - 1) : log;

		next[s] = (uint16_t)total;
		if (!n)
			continue;
		table->symbols |= (uint64_t)1 << s;
		table->steps[s] =
			(struct fse_step){ .bits = (bits << 16) - (n << bits),
					   .find = (int32_t)total - (int32_t)n };
		total += n;
	}
	for (unsigned int u = 0; u < size; u++)
		table->states[next[cells[u]]++] = (uint16_t)(size + u);
	describe(table, shares, count);
}

bool fse_table_train(struct fse_table *table, const uint32_t *seen, unsigned int count,
		     unsigned int log)
{
	int16_t shares[FSE_SYMBOLS_MAX];
	unsigned int kinds = 0, largest = 0;
	int left = 1 << log;
	uint64_t total = 0;

	for (unsigned int s = 0; s < count; s++) {
		total += seen[s];
		kinds += seen[s] != 0;
	}
	if (kinds < 2)
		return false;
	for (unsigned int s = 0; s < count; s++) {
		uint64_t share = ((uint64_t)seen[s] << log) / total;

		shares[s] = share ? (int16_t)share : seen[s] ? -1 : 0;
		left -= (int)cells_of(shares[s]);
		if (shares[s] > shares[largest])
			largest = s;
	}
	/* What rounding left over or took too much is the largest one's; it has at least
	 * a 53rd of all, and rounding at most 53 of 512 cells: where that is too much
	 * there is no table. */
	if (shares[largest] + left < 2)
		return false;
	shares[largest] = (int16_t)(shares[largest] + left);
	fse_table_make(table, shares, count, log);
	return true;
}
