/* What the minimal server and the load generator both need of RFC 6455, and of the system. */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FINAL = 0x80, TEXT = 0x1, BINARY = 0x2, CLOSE = 0x8, PING = 0x9, PONG = 0xA, HEADER_MAX = 14 };

static inline void die(const char *what) {
  perror(what);
  exit(1);
}

static inline void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

static inline void no_delay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static inline uint32_t rotate_left(uint32_t word, int bits) { return word << bits | word >> (32 - bits); }

/* FIPS 180-4, for messages of at most 119 bytes. */
static inline void sha1(const uint8_t *bytes, size_t count, uint8_t digest[20]) {
  uint8_t padded[128] = {0};
  size_t blocks = count < 56 ? 1 : 2;
  memcpy(padded, bytes, count);
  padded[count] = 0x80;
  for (int i = 0; i < 8; i++) padded[blocks * 64 - 1 - i] = (uint8_t)((uint64_t)count * 8 >> (8 * i));
  uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  for (size_t block = 0; block < blocks; block++) {
    uint32_t w[80];
    for (int i = 0; i < 16; i++) {
      const uint8_t *p = padded + block * 64 + i * 4;
      w[i] = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
    }
    for (int i = 16; i < 80; i++) w[i] = rotate_left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 80; i++) {
      uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
      uint32_t k = i < 20 ? 0x5A827999 : i < 40 ? 0x6ED9EBA1 : i < 60 ? 0x8F1BBCDC : 0xCA62C1D6;
      uint32_t next = rotate_left(a, 5) + f + e + k + w[i];
      e = d, d = c, c = rotate_left(b, 30), b = a, a = next;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
  }
  for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* `text` takes 4 characters for each 3 bytes begun. */
static inline void base64(const uint8_t *bytes, size_t count, char *text) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < count; i += 3) {
    uint32_t word = (uint32_t)bytes[i] << 16;
    if (i + 1 < count) word |= (uint32_t)bytes[i + 1] << 8;
    if (i + 2 < count) word |= bytes[i + 2];
    *text++ = digits[word >> 18];
    *text++ = digits[word >> 12 & 63];
    *text++ = i + 1 < count ? digits[word >> 6 & 63] : '=';
    *text++ = i + 2 < count ? digits[word & 63] : '=';
  }
}

/* RFC 6455 section 4.2.2: the answer to the 24 characters of Sec-WebSocket-Key. */
static inline void accept_key(const char key[24], char answer[28]) {
  uint8_t joined[60], digest[20];
  memcpy(joined, key, 24);
  memcpy(joined + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
  sha1(joined, 60, digest);
  base64(digest, 20, answer);
}

/* Copies a piece of a payload that begins `offset` bytes behind its start, masked or unmasked, which is the same. `key`
   is as it stands on the wire. */
static inline void copy_masked(
    uint8_t *restrict to, const uint8_t *restrict from, size_t count, const uint8_t key[4], size_t offset) {
  uint8_t turned[8];
  for (int i = 0; i < 8; i++) turned[i] = key[(offset + i) & 3];
  uint64_t wide, word;
  memcpy(&wide, turned, 8);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    memcpy(&word, from + i, 8);
    word ^= wide;
    memcpy(to + i, &word, 8);
  }
  for (; i < count; i++) to[i] = from[i] ^ turned[i & 7];
}

/* Writes what stands before a frame's payload, without a masking key. Returns its length. */
static inline size_t put_header(uint8_t *to, int final_and_opcode, uint64_t count, int mask_bit) {
  to[0] = (uint8_t)final_and_opcode;
  if (count <= 125) {
    to[1] = mask_bit | (uint8_t)count;
    return 2;
  }
  int bytes = count <= 0xFFFF ? 2 : 8;
  to[1] = mask_bit | (bytes == 2 ? 126 : 127);
  for (int i = 0; i < bytes; i++) to[2 + i] = (uint8_t)(count >> (8 * (bytes - 1 - i)));
  return 2 + bytes;
}

struct header {
  int final_and_opcode, opcode;
  uint64_t count;
  uint8_t key[4];
  size_t length;
};

/* Returns 0 if more bytes are needed. A key that is not there is zero, which changes nothing. */
static inline int get_header(struct header *header, const uint8_t *bytes, size_t available) {
  if (available < 2) return 0;
  size_t wide = (bytes[1] & 0x7F) == 126 ? 2 : (bytes[1] & 0x7F) == 127 ? 8 : 0;
  size_t masked = bytes[1] & 0x80 ? 4 : 0;
  header->length = 2 + wide + masked;
  if (available < header->length) return 0;
  header->final_and_opcode = bytes[0] & 0x8F;
  header->opcode = bytes[0] & 0x0F;
  header->count = bytes[1] & 0x7F;
  if (wide) header->count = 0;
  for (size_t i = 0; i < wide; i++) header->count = header->count << 8 | bytes[2 + i];
  memset(header->key, 0, 4);
  if (masked) memcpy(header->key, bytes + 2 + wide, 4);
  return 1;
}
