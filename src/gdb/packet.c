// SPDX-License-Identifier: GPL-2.0-or-later
#include "gdb/packet.h"

#include <string.h>

#define CHECKSUM_SIZE 3 /* "#12" */

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static uint8_t checksum(const uint8_t *data, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + data[i]);
	return sum;
}

static bool is_start(uint8_t c)
{
	return c == '$' || c == '+' || c == '-' || c == 0x03;
}

/* A buffer that begins with '$'. */
static void parse_data(const uint8_t *buffer, size_t size, struct packet *ret)
{
	const uint8_t *end = memchr(buffer, '#', MIN(size, (size_t)PACKET_DATA_MAX + 2));
	size_t length;
	int high, low;

	if (!end) {
		if (size < PACKET_DATA_MAX + 2)
			return;
		ret->kind = PACKET_BAD;
		ret->used = size; // the rest of it comes as noise
		return;
	}
	length = (size_t)(end - buffer) - 1;
	if (size - length - 1 < CHECKSUM_SIZE)
		return;
	high = hex_digit(end[1]);
	low = hex_digit(end[2]);
	ret->used = length + 1 + CHECKSUM_SIZE;
	ret->kind = PACKET_BAD;
	if (high < 0 || low < 0 || checksum(buffer + 1, length) != high * 16 + low)
		return;
	ret->kind = PACKET_DATA;
	ret->data = buffer + 1;
	ret->size = length;
}

void packet_parse(const uint8_t *buffer, size_t size, struct packet *ret)
{
	*ret = (struct packet){ .kind = PACKET_NONE };
	if (size == 0)
		return;
	switch (buffer[0]) {
	case '$':
		parse_data(buffer, size, ret);
		return;
	case '+':
		ret->kind = PACKET_ACK;
		break;
	case '-':
		ret->kind = PACKET_NAK;
		break;
	case 0x03:
		ret->kind = PACKET_INTERRUPT;
		break;
	default:
		ret->kind = PACKET_NOISE;
		while (ret->used + 1 < size && !is_start(buffer[ret->used + 1]))
			ret->used++;
	}
	ret->used++;
}

void packet_add(struct text *out, const void *data, size_t size)
{
	text_add_bytes(out, "$", 1);
	text_add_bytes(out, data, size);
	text_add(out, "#%02x", checksum(data, size));
}

void packet_add_escaped(struct text *data, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;

	for (size_t i = 0; i < size; i++) {
		uint8_t pair[2] = { '}', from[i] ^ 0x20 };

		if (from[i] == '#' || from[i] == '$' || from[i] == '}' || from[i] == '*')
			text_add_bytes(data, pair, sizeof(pair));
		else
			text_add_bytes(data, &from[i], 1);
	}
}

void packet_add_hex(struct text *data, const void *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = bytes;

	for (size_t i = 0; i < size; i++) {
		char pair[2] = { digits[from[i] >> 4], digits[from[i] & 15] };

		text_add_bytes(data, pair, sizeof(pair));
	}
}

bool packet_take_hex(const uint8_t **at, const uint8_t *end, uint64_t *ret)
{
	const uint8_t *p = *at;
	uint64_t value = 0;

	while (p < end && hex_digit(*p) >= 0) {
		if (value >> 60)
			return false;
		value = value << 4 | (uint64_t)hex_digit(*p++);
	}
	if (p == *at)
		return false;
	*at = p;
	*ret = value;
	return true;
}

size_t packet_unhex(const uint8_t *at, const uint8_t *end, char *ret, size_t size)
{
	size_t count = 0;

	while (count < size && end - at >= 2 && hex_digit(at[0]) >= 0 &&
	       hex_digit(at[1]) >= 0) {
		ret[count++] = (char)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
		at += 2;
	}
	return count;
}
