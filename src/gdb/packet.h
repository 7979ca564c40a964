/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of gdb's remote serial protocol as bytes: $DATA#CHECKSUM, where '#', '$', '}'
 * and '*' in binary data are escaped. Pure functions over buffers: no file, no state.
 * Source: gdb's manual, appendix "Remote Protocol", "Overview" and "Interrupts".
 *
 * What arrives is hostile: a packet longer than PACKET_DATA_MAX is thrown away.
 */
#ifndef GDB_PACKET_H
#define GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* Bytes between '$' and '#': what qSupported tells the client, and our answers' limit. */
#define PACKET_DATA_MAX 0x4000

enum packet_kind {
	PACKET_NONE,	  /* more bytes are needed */
	PACKET_DATA,	  /* a whole packet with a right checksum */
	PACKET_BAD,	  /* a whole packet with a wrong one, or a packet too long */
	PACKET_ACK,	  /* '+' */
	PACKET_NAK,	  /* '-': the last answer is asked for again */
	PACKET_INTERRUPT, /* 0x03 */
	PACKET_NOISE,	  /* bytes outside of packets */
};

struct packet {
	enum packet_kind kind;
	const uint8_t *data; /* PACKET_DATA: into the buffer, still escaped */
	size_t size;
	size_t used; /* bytes of the buffer that are dealt with */
};

/* What the buffer begins with. A full buffer must hold PACKET_DATA_MAX + 4 bytes. */
void packet_parse(const uint8_t *buffer, size_t size, struct packet *ret);

/* Appends $DATA#CHECKSUM; @data must be escaped where it needs to be. */
void packet_add(struct text *out, const void *data, size_t size);

/* Appends binary data, escaped. */
void packet_add_escaped(struct text *data, const void *bytes, size_t size);

/* Appends two digits a byte. */
void packet_add_hex(struct text *data, const void *bytes, size_t size);

/*
 * Hexadecimal digits at *@at, up to @end, of at most 64 bits; moves behind them. false:
 * there are none, or too many.
 */
bool packet_take_hex(const uint8_t **at, const uint8_t *end, uint64_t *ret);

/* Pairs of digits into bytes: how many, at most @size; stops at what is no pair. */
size_t packet_unhex(const uint8_t *at, const uint8_t *end, char *ret, size_t size);

#endif
