/*
 * ecjax.c - a port of the ecjax text codec in one file of C11 that needs the standard library only.
 *
 * The program answers the operations of conformance.md: one JSON request a line on standard input, one JSON answer a
 * line on standard output. Sections come in the order of the specification, and comments name its rules.
 *
 *     cc -std=c11 -O2 -Wall -Wextra -Wpedantic -o port ecjax.c
 *
 * All memory of a request comes from one arena, which is emptied after the answer. Input that is to be refused (C-7)
 * leaves by longjmp from refuse(), so that no function has to hand causes on.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ==== Memory: an arena, and byte strings that grow in it ========================================================== */

#define ARENA_CHUNK ((size_t)1 << 20)

struct chunk {
    struct chunk *older;
    size_t size, used;
    max_align_t data[];
};

struct bytes {
    uint8_t *data;
    size_t size, capacity;
};

/* All that belongs to one request. */
struct work {
    struct chunk *chunks;
    struct bytes answer; /* the fields of the answer */
    struct bytes steps;  /* the steps of the trace */
    struct bytes *trace; /* &steps if a trace was asked for, else NULL */
    const char *cause;   /* why the input was refused */
    jmp_buf refused;
};

static void fail(const char *message) {
    fprintf(stderr, "ecjax: %s\n", message);
    exit(EXIT_FAILURE);
}

/* C-7: leave the operation; only the cause is answered. */
static _Noreturn void refuse(struct work *work, const char *cause) {
    work->cause = cause;
    longjmp(work->refused, 1);
}

static void require(struct work *work, bool valid, const char *cause) {
    if (!valid)
        refuse(work, cause);
}

static void arena_add_chunk(struct work *work, size_t size) {
    struct chunk *chunk = NULL;
    if (size <= SIZE_MAX - sizeof *chunk)
        chunk = malloc(sizeof *chunk + size);
    if (chunk == NULL)
        fail("out of memory");
    chunk->older = work->chunks;
    chunk->size = size;
    chunk->used = 0;
    work->chunks = chunk;
}

/* Memory for count items of a size, until the request is answered. */
static void *arena_take(struct work *work, uint64_t count, size_t size) {
    if (count > (SIZE_MAX - sizeof(max_align_t)) / size)
        fail("out of memory");
    size_t units = ((size_t)count * size + sizeof(max_align_t) - 1) / sizeof(max_align_t);
    size_t needed = units * sizeof(max_align_t);
    if (work->chunks == NULL || needed > work->chunks->size - work->chunks->used)
        arena_add_chunk(work, needed > ARENA_CHUNK ? needed : ARENA_CHUNK);
    void *memory = (char *)work->chunks->data + work->chunks->used;
    work->chunks->used += needed;
    return memory;
}

/* Empties the arena; its first chunk is kept for the next request. */
static void arena_reset(struct work *work) {
    while (work->chunks != NULL && work->chunks->older != NULL) {
        struct chunk *older = work->chunks->older;
        free(work->chunks);
        work->chunks = older;
    }
    if (work->chunks != NULL)
        work->chunks->used = 0;
}

static void bytes_reserve(struct work *work, struct bytes *bytes, size_t more) {
    if (more <= bytes->capacity - bytes->size)
        return;
    size_t capacity = 2 * bytes->capacity + more + 64;
    uint8_t *data = arena_take(work, capacity, 1);
    if (bytes->size > 0)
        memcpy(data, bytes->data, bytes->size);
    bytes->data = data;
    bytes->capacity = capacity;
}

static void bytes_add(struct work *work, struct bytes *bytes, const void *data, size_t size) {
    bytes_reserve(work, bytes, size);
    if (size > 0)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void bytes_push(struct work *work, struct bytes *bytes, uint8_t byte) {
    bytes_reserve(work, bytes, 1);
    bytes->data[bytes->size++] = byte;
}

/* C-5: a number as so many bytes, the most significant first. */
static void bytes_add_number(struct work *work, struct bytes *bytes, uint64_t number, unsigned count) {
    while (count-- > 0)
        bytes_push(work, bytes, (uint8_t)(number >> (8 * count)));
}

static void bytes_print(struct work *work, struct bytes *bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    bytes_reserve(work, bytes, (size_t)size + 1);
    va_start(arguments, format);
    vsnprintf((char *)bytes->data + bytes->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    bytes->size += (size_t)size;
}

/* ==== Conventions ================================================================================================= */

/* floor(x / 2^shift), C-1: an arithmetic shift, which C leaves to the compiler for numbers below 0. */
static inline int64_t shift_down(int64_t x, unsigned shift) {
    return x >= 0 ? x >> shift : ~(~x >> shift);
}

/* C-2: nearest(x, 2^shift). */
static inline int64_t nearest(int64_t x, unsigned shift) {
    return shift == 0 ? x : shift_down(x + ((int64_t)1 << (shift - 1)), shift);
}

/* C-3 */
static inline int64_t clamp(int64_t x, int64_t limit) {
    return x > limit ? limit : x < -limit ? -limit : x;
}

/* The number of binary digits of x. */
static unsigned digits(uint64_t x) {
    unsigned count = 0;
    for (; x > 0; x >>= 1)
        count++;
    return count;
}

/* ---- Numbers below 2^128 ---- */

#define LIMBS 4

typedef struct {
    uint32_t limb[LIMBS]; /* the least significant first */
} wide;

static wide wide_from(uint32_t number) {
    return (wide){{number, 0, 0, 0}};
}

/* 2^bits - 1 */
static wide wide_ones(unsigned bits) {
    wide x = wide_from(0);
    for (unsigned i = 0; i < bits; i++)
        x.limb[i / 32] |= (uint32_t)1 << (i % 32);
    return x;
}

static wide wide_add(wide x, wide y) {
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)x.limb[i] + y.limb[i];
        x.limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return x;
}

static wide wide_subtract(wide x, wide y) {
    uint32_t borrow = 0;
    for (int i = 0; i < LIMBS; i++) {
        uint64_t difference = (uint64_t)x.limb[i] - y.limb[i] - borrow;
        x.limb[i] = (uint32_t)difference;
        borrow = (uint32_t)(difference >> 32) & 1;
    }
    return x;
}

/* Below 0, 0 or above 0, as x is below y, equal or above. */
static int wide_compare(wide x, wide y) {
    for (int i = LIMBS - 1; i >= 0; i--)
        if (x.limb[i] != y.limb[i])
            return x.limb[i] < y.limb[i] ? -1 : 1;
    return 0;
}

static bool wide_is_zero(wide x) {
    return wide_compare(x, wide_from(0)) == 0;
}

/* True if x is below 2^16. */
static bool wide_is_small(wide x) {
    return wide_compare(x, wide_from(1 << 16)) < 0;
}

/* floor(x * factor / 2^shift) for a factor up to 2^shift and a shift of 1 to 31. */
static wide wide_scale(wide x, uint32_t factor, unsigned shift) {
    uint32_t product[LIMBS + 1];
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)x.limb[i] * factor;
        product[i] = (uint32_t)carry;
        carry >>= 32;
    }
    product[LIMBS] = (uint32_t)carry;
    for (int i = 0; i < LIMBS; i++)
        x.limb[i] = product[i] >> shift | product[i + 1] << (32 - shift);
    return x;
}

static unsigned wide_byte(wide x, unsigned place) {
    return x.limb[place / 4] >> (8 * (place % 4)) & 255;
}

/* ---- Bits, C-5: the first bit is the most significant of the first byte ---- */

struct bits {
    struct bytes bytes;
    size_t count;
};

static void bits_put(struct work *work, struct bits *bits, wide number, unsigned size) {
    while (size-- > 0) {
        if (bits->count % 8 == 0)
            bytes_push(work, &bits->bytes, 0);
        unsigned bit = number.limb[size / 32] >> (size % 32) & 1;
        bits->bytes.data[bits->count / 8] |= (uint8_t)(bit << (7 - bits->count % 8));
        bits->count++;
    }
}

/* The number of the size bits from a place on; after the end of the data are zeros. */
static wide bits_get(const struct bytes *data, size_t place, unsigned size) {
    wide number = wide_from(0);
    for (; size-- > 0 && place / 8 < data->size; place++) {
        uint32_t bit = data->data[place / 8] >> (7 - place % 8) & 1;
        number.limb[size / 32] |= bit << (size % 32);
    }
    return number;
}

/* ==== SHA-256 and CRC-32 ========================================================================================== */

#define FINGERPRINT 32

static uint32_t rotate(uint32_t x, unsigned n) {
    return x >> n | x << (32 - n);
}

static void sha256_block(uint32_t state[8], const uint8_t block[64]) {
    static const uint32_t K[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    };
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8
               | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
        uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i];
        uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
        uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

static void sha256(const struct bytes *message, uint8_t hash[FINGERPRINT]) {
    uint32_t state[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    uint8_t last[128] = {0};
    size_t whole = message->size / 64 * 64, rest = message->size - whole, size = rest < 56 ? 64 : 128;
    for (size_t i = 0; i < whole; i += 64)
        sha256_block(state, message->data + i);
    if (rest > 0)
        memcpy(last, message->data + whole, rest);
    last[rest] = 0x80;
    for (int i = 0; i < 8; i++)
        last[size - 1 - i] = (uint8_t)((uint64_t)message->size * 8 >> (8 * i));
    for (size_t i = 0; i < size; i += 64)
        sha256_block(state, last + i);
    for (int i = 0; i < FINGERPRINT; i++)
        hash[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

static uint32_t crc32(const uint8_t *data, size_t size) {
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1; /* 0x04c11db7, reflected */
    }
    return ~crc;
}

/* ==== JSON ======================================================================================================== */

#define JSON_DEPTH 200
#define JSON_LIMIT ((int64_t)1 << 60) /* numbers beyond it are read as it; P-2: they are below 2^53 */

enum json_kind { JSON_OTHER, JSON_INTEGER, JSON_STRING, JSON_LIST, JSON_OBJECT }; /* OTHER: null, false, true, 1.5 */

struct json {
    enum json_kind kind;
    bool is_true;
    int64_t number;
    const char *string; /* followed by a byte 0 */
    size_t count;       /* of the bytes of a string or the items of a list or object */
    struct json *first; /* the first item of a list or object */
    struct json *next;  /* the next item of the list or object that this is in */
    const char *key;    /* the name of this field of an object */
};

struct json_reader {
    struct work *work;
    char *at; /* the line ends with a byte 0 */
    int depth;
};

static struct json *json_value(struct json_reader *reader);

static char json_peek(struct json_reader *reader) {
    while (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\r' || *reader->at == '\n')
        reader->at++;
    return *reader->at;
}

static bool json_skip(struct json_reader *reader, const char *text) {
    size_t size = strlen(text);
    json_peek(reader);
    if (strncmp(reader->at, text, size) != 0)
        return false;
    reader->at += size;
    return true;
}

/* Reads a string. Escapes stay as they are: no name and no value of the protocol has any. */
static char *json_string(struct json_reader *reader, size_t *size) {
    if (!json_skip(reader, "\""))
        return NULL;
    char *start = reader->at;
    for (; *reader->at != '"'; reader->at++) {
        if (*reader->at == '\\')
            reader->at++;
        if (*reader->at == '\0')
            return NULL;
    }
    *size = (size_t)(reader->at - start);
    *reader->at++ = '\0';
    return start;
}

static bool json_number(struct json_reader *reader, struct json *value) {
    bool negative = *reader->at == '-';
    if (negative)
        reader->at++;
    if (*reader->at < '0' || *reader->at > '9')
        return false;
    for (; *reader->at >= '0' && *reader->at <= '9'; reader->at++)
        if (value->number < JSON_LIMIT / 10)
            value->number = value->number * 10 + (*reader->at - '0');
        else
            value->number = JSON_LIMIT;
    if (negative)
        value->number = -value->number;
    value->kind = JSON_INTEGER;
    while (*reader->at != '\0' && strchr("0123456789.eE+-", *reader->at) != NULL) {
        value->kind = JSON_OTHER;
        reader->at++;
    }
    return true;
}

/* The items of a list or the fields of an object, after its bracket. */
static bool json_items(struct json_reader *reader, struct json *value, bool named, const char *close) {
    struct json **last = &value->first;
    if (json_skip(reader, close))
        return true;
    do {
        size_t size;
        char *key = named ? json_string(reader, &size) : NULL;
        if (named && (key == NULL || !json_skip(reader, ":")))
            return false;
        struct json *item = json_value(reader);
        if (item == NULL)
            return false;
        item->key = key;
        *last = item;
        last = &item->next;
        value->count++;
    } while (json_skip(reader, ","));
    return json_skip(reader, close);
}

/* The value at the reader's place, or NULL if there is none. */
static struct json *json_value(struct json_reader *reader) {
    struct json *value = arena_take(reader->work, 1, sizeof *value);
    bool good = false;
    *value = (struct json){.kind = JSON_OTHER};
    if (reader->depth >= JSON_DEPTH)
        return NULL;
    reader->depth++;
    if (json_peek(reader) == '"') {
        value->kind = JSON_STRING;
        value->string = json_string(reader, &value->count);
        good = value->string != NULL;
    } else if (json_skip(reader, "[")) {
        value->kind = JSON_LIST;
        good = json_items(reader, value, false, "]");
    } else if (json_skip(reader, "{")) {
        value->kind = JSON_OBJECT;
        good = json_items(reader, value, true, "}");
    } else if (json_skip(reader, "true")) {
        value->is_true = good = true;
    } else if (json_skip(reader, "false") || json_skip(reader, "null")) {
        good = true;
    } else {
        good = json_number(reader, value);
    }
    reader->depth--;
    return good ? value : NULL;
}

/* The object of a line, or NULL if the line is none. The line is changed, and must live as long as the object. */
static struct json *json_read(struct work *work, char *line) {
    struct json_reader reader = {work, line, 0};
    struct json *value = json_value(&reader);
    if (value == NULL || value->kind != JSON_OBJECT || json_peek(&reader) != '\0')
        return NULL;
    return value;
}

static const struct json *json_find(const struct json *object, const char *key) {
    if (object == NULL || object->kind != JSON_OBJECT)
        return NULL;
    for (const struct json *field = object->first; field != NULL; field = field->next)
        if (strcmp(field->key, key) == 0)
            return field;
    return NULL;
}

/* The first item of a list; none of anything else. */
static const struct json *json_list(const struct json *value) {
    return value != NULL && value->kind == JSON_LIST ? value->first : NULL;
}

/* The integer of a field; where there is none, 0, which no setting may be. */
static int64_t json_integer(const struct json *object, const char *key) {
    const struct json *field = json_find(object, key);
    return field != NULL && field->kind == JSON_INTEGER ? field->number : 0;
}

/* ---- How things are written, P-4 ---- */

static unsigned hex_digit(char c) {
    return c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 0;
}

static struct bytes read_bytes(struct work *work, const struct json *value) {
    struct bytes bytes = {0};
    if (value == NULL || value->kind != JSON_STRING)
        return bytes;
    bytes_reserve(work, &bytes, value->count / 2);
    for (size_t i = 0; i + 1 < value->count; i += 2)
        bytes.data[bytes.size++] = (uint8_t)(hex_digit(value->string[i]) << 4 | hex_digit(value->string[i + 1]));
    return bytes;
}

/* An integer from 9 to 16 or the like, else the cause. */
static unsigned read_size(struct work *work, const struct json *object, const char *key, int low, int high,
                          const char *cause) {
    int64_t size = json_integer(object, key);
    require(work, size >= low && size <= high, cause);
    return (unsigned)size;
}

/* Whether an item is a run: [count, number]. */
static bool is_run(const struct json *run) {
    return run->kind == JSON_LIST && run->count == 2 && run->first->kind == JSON_INTEGER && run->first->number >= 1
           && run->first->next->kind == JSON_INTEGER;
}

/* How many numbers runs stand for, at most JSON_LIMIT. */
static int64_t runs_length(struct work *work, const struct json *runs, const char *cause) {
    int64_t length = 0;
    require(work, runs != NULL && runs->kind == JSON_LIST, cause);
    for (const struct json *run = runs->first; run != NULL; run = run->next) {
        require(work, is_run(run), cause);
        length = run->first->number > JSON_LIMIT - length ? JSON_LIMIT : length + run->first->number;
    }
    return length;
}

/* Runs of so many numbers, each from low to high; anything else is refused with the cause. */
static int32_t *read_runs(struct work *work, const struct json *runs, int64_t count, int64_t low, int64_t high,
                          const char *cause) {
    require(work, runs_length(work, runs, cause) == count, cause);
    for (const struct json *run = runs->first; run != NULL; run = run->next)
        require(work, run->first->next->number >= low && run->first->next->number <= high, cause);
    int32_t *numbers = arena_take(work, (uint64_t)count, sizeof *numbers), *end = numbers;
    for (const struct json *run = runs->first; run != NULL; run = run->next)
        for (int64_t i = 0; i < run->first->number; i++)
            *end++ = (int32_t)run->first->next->number;
    return numbers;
}

static void put_text(struct work *work, struct bytes *out, const char *text) {
    bytes_add(work, out, text, strlen(text));
}

/* What comes before the item at a place of a list. */
static const char *comma(size_t place) {
    return place == 0 ? "" : ", ";
}

static void put_bytes(struct work *work, struct bytes *out, const uint8_t *data, size_t size) {
    static const char hex[] = "0123456789abcdef";
    bytes_reserve(work, out, 2 * size + 2);
    out->data[out->size++] = '"';
    for (size_t i = 0; i < size; i++) {
        out->data[out->size++] = (uint8_t)hex[data[i] >> 4];
        out->data[out->size++] = (uint8_t)hex[data[i] & 15];
    }
    out->data[out->size++] = '"';
}

static void put_runs(struct work *work, struct bytes *out, const int32_t *numbers, size_t count) {
    put_text(work, out, "[");
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && numbers[end] == numbers[i]; end++)
            continue;
        bytes_print(work, out, "%s[%zu, %" PRId32 "]", comma(i), end - i, numbers[i]);
    }
    put_text(work, out, "]");
}

/* A number in hexadecimal without leading zeros, P-5. */
static void put_wide_hex(struct work *work, struct bytes *out, wide x) {
    int top = LIMBS - 1;
    while (top > 0 && x.limb[top] == 0)
        top--;
    bytes_print(work, out, "\"%" PRIx32, x.limb[top]);
    while (top-- > 0)
        bytes_print(work, out, "%08" PRIx32, x.limb[top]);
    put_text(work, out, "\"");
}

/* Begins a field of the answer; its value follows. */
static struct bytes *answer_field(struct work *work, const char *name) {
    bytes_print(work, &work->answer, ", \"%s\": ", name);
    return &work->answer;
}

static void answer_bytes(struct work *work, const char *name, const struct bytes *bytes) {
    put_bytes(work, answer_field(work, name), bytes->data, bytes->size);
}

static void answer_integer(struct work *work, const char *name, uint64_t number) {
    bytes_print(work, answer_field(work, name), "%" PRIu64, number);
}

/* ==== Frequencies ================================================================================================= */

#define BYTES 256
#define LOGIT_LIMIT ((int64_t)1 << 30)

/* F-1: t[0] ... t[256]. */
struct table {
    uint32_t entry[BYTES + 1];
};

/* F-3: 2^(23 - i / 256), rounded. */
static const int32_t P[BYTES] = {
    8388608, 8365926, 8343305, 8320745, 8298246, 8275808, 8253431, 8231114, 8208857, 8186661, 8164525, 8142448,
    8120432, 8098475, 8076577, 8054738, 8032959, 8011238, 7989576, 7967973, 7946428, 7924941, 7903512, 7882142,
    7860829, 7839574, 7818376, 7797235, 7776152, 7755126, 7734156, 7713244, 7692387, 7671588, 7650844, 7630157,
    7609525, 7588949, 7568429, 7547965, 7527555, 7507201, 7486902, 7466658, 7446469, 7426334, 7406253, 7386227,
    7366255, 7346338, 7326473, 7306663, 7286906, 7267203, 7247553, 7227956, 7208412, 7188921, 7169482, 7150096,
    7130763, 7111482, 7092253, 7073076, 7053950, 7034877, 7015855, 6996885, 6977965, 6959097, 6940280, 6921514,
    6902799, 6884134, 6865520, 6846956, 6828442, 6809978, 6791564, 6773200, 6754886, 6736621, 6718406, 6700240,
    6682122, 6664054, 6646035, 6628065, 6610143, 6592269, 6574444, 6556667, 6538938, 6521257, 6503624, 6486039,
    6468501, 6451011, 6433567, 6416171, 6398822, 6381520, 6364265, 6347056, 6329894, 6312779, 6295709, 6278686,
    6261709, 6244778, 6227892, 6211052, 6194258, 6177509, 6160805, 6144147, 6127533, 6110965, 6094441, 6077962,
    6061528, 6045138, 6028792, 6012490, 5996233, 5980019, 5963850, 5947724, 5931642, 5915603, 5899607, 5883655,
    5867746, 5851880, 5836057, 5820276, 5804539, 5788844, 5773191, 5757581, 5742012, 5726486, 5711002, 5695560,
    5680159, 5664801, 5649483, 5634207, 5618973, 5603779, 5588627, 5573516, 5558445, 5543416, 5528427, 5513478,
    5498570, 5483702, 5468874, 5454087, 5439339, 5424632, 5409964, 5395336, 5380747, 5366198, 5351688, 5337217,
    5322786, 5308393, 5294039, 5279725, 5265449, 5251211, 5237012, 5222851, 5208729, 5194645, 5180599, 5166591,
    5152621, 5138688, 5124794, 5110937, 5097117, 5083335, 5069589, 5055882, 5042211, 5028577, 5014980, 5001420,
    4987896, 4974409, 4960959, 4947544, 4934167, 4920825, 4907519, 4894250, 4881016, 4867818, 4854656, 4841529,
    4828438, 4815382, 4802361, 4789376, 4776426, 4763511, 4750630, 4737785, 4724974, 4712198, 4699457, 4686749,
    4674077, 4661438, 4648834, 4636264, 4623728, 4611225, 4598757, 4586322, 4573921, 4561553, 4549219, 4536918,
    4524651, 4512416, 4500215, 4488047, 4475911, 4463809, 4451739, 4439701, 4427697, 4415725, 4403785, 4391877,
    4380002, 4368158, 4356347, 4344568, 4332820, 4321105, 4309421, 4297768, 4286147, 4274558, 4263000, 4251473,
    4239977, 4228512, 4217079, 4205676,
};

/* F-4, F-5: the table of 256 logits; trace may be NULL. */
static void table_of_logits(struct work *work, struct table *table, const int32_t *logits, unsigned precision,
                            struct bytes *trace) {
    uint64_t sums[BYTES + 1] = {0};
    int32_t greatest = logits[0];
    for (int c = 1; c < BYTES; c++)
        greatest = logits[c] > greatest ? logits[c] : greatest;
    for (int c = 0; c < BYTES; c++) {
        int64_t d = clamp((int64_t)greatest - logits[c], 1 << 20);
        int64_t octaves = d / 256;
        sums[c + 1] = sums[c] + (octaves > 24 ? 0 : (uint64_t)nearest(P[d % 256], (unsigned)octaves));
    }
    for (unsigned c = 0; c <= BYTES; c++)
        table->entry[c] = (uint32_t)(sums[c] * ((1u << precision) - BYTES) / sums[BYTES]) + c;
    for (int c = 0; c < BYTES && trace != NULL; c++)
        bytes_print(work, trace,
                    "%s{\"byte\": %d, \"weight\": %" PRIu64 ", \"cumulative\": %" PRIu64 ", \"entry\": %" PRIu32 "}",
                    comma(trace->size), c, sums[c + 1] - sums[c], sums[c + 1], table->entry[c + 1]);
}

static unsigned read_precision(struct work *work, const struct json *object) {
    return read_size(work, object, "precision", 9, 16, "precision"); /* F-1 */
}

static void op_frequencies(struct work *work, const struct json *request) {
    unsigned precision = read_precision(work, request);
    int32_t *logits =
        read_runs(work, json_find(request, "logits"), BYTES, -LOGIT_LIMIT, LOGIT_LIMIT, "logits"); /* F-2 */
    struct table table;
    int32_t frequencies[BYTES];
    table_of_logits(work, &table, logits, precision, work->trace);
    for (int c = 0; c < BYTES; c++)
        frequencies[c] = (int32_t)(table.entry[c + 1] - table.entry[c]);
    put_runs(work, answer_field(work, "frequencies"), frequencies, BYTES);
}

/* ==== Byte models, C-6 ============================================================================================ */

/* What a byte model needs of the Transformer below. */
struct transformer;
struct pass;
static const struct transformer *read_transformer(struct work *work, const struct json *value);
static struct pass *pass_new(struct work *work, const struct transformer *model, size_t batch, struct bytes *trace);
static void pass_rewind(struct pass *pass, size_t positions);
static const int32_t *pass_logits(struct pass *pass, const uint8_t *text, size_t position);

struct model {
    unsigned precision;
    const struct transformer *transformer; /* NULL if it is a table model */
    struct table *rows;
    const int32_t *next;
};

/* The table of a row of frequencies, F-1. */
static void read_row(struct work *work, struct table *table, const struct json *row, unsigned precision) {
    const int32_t *frequencies = read_runs(work, row, BYTES, 1, 1 << precision, "table");
    table->entry[0] = 0;
    for (int c = 0; c < BYTES; c++)
        table->entry[c + 1] = table->entry[c] + (uint32_t)frequencies[c];
    require(work, table->entry[BYTES] == 1u << precision, "table");
}

static struct model *read_model(struct work *work, const struct json *value) {
    struct model *model = arena_take(work, 1, sizeof *model);
    *model = (struct model){.precision = read_precision(work, value)};
    if (json_find(value, "transformer") != NULL) {
        model->transformer = read_transformer(work, json_find(value, "transformer"));
        return model;
    }
    const struct json *rows = json_find(value, "rows");
    require(work, rows != NULL && rows->kind == JSON_LIST, "table");
    model->rows = arena_take(work, rows->count, sizeof *model->rows);
    size_t count = 0;
    for (const struct json *row = rows->first; row != NULL; row = row->next)
        read_row(work, &model->rows[count++], row, model->precision);
    model->next = read_runs(work, json_find(value, "next"), BYTES + 1, 0, (int64_t)count - 1, "table");
    return model;
}

/* A model and the bytes that it has seen. */
struct session {
    struct work *work;
    const struct model *model;
    struct bytes seen;
    struct pass *pass; /* of a Transformer */
    struct table table;
};

static struct session *session_new(struct work *work, const struct model *model) {
    struct session *session = arena_take(work, 1, sizeof *session);
    *session = (struct session){.work = work, .model = model};
    if (model->transformer != NULL)
        session->pass = pass_new(work, model->transformer, 1, NULL);
    return session;
}

static void session_see(struct session *session, uint8_t byte) {
    bytes_push(session->work, &session->seen, byte);
}

/* Forgets all bytes but the first so many. */
static void session_rewind(struct session *session, size_t count) {
    session->seen.size = count;
    if (session->pass != NULL)
        pass_rewind(session->pass, count);
}

/* The table of the next byte, T-16; it holds until more bytes are seen. */
static const struct table *session_table(struct session *session) {
    const struct model *model = session->model;
    size_t count = session->seen.size;
    if (model->transformer == NULL)
        return &model->rows[model->next[count == 0 ? BYTES : session->seen.data[count - 1]]];
    const int32_t *logits = pass_logits(session->pass, session->seen.data, count);
    table_of_logits(session->work, &session->table, logits, model->precision, NULL);
    return &session->table;
}

/* ==== Streams ===================================================================================================== */

/*
 * S-1. Of `low`, a number of 31 + S bits, whole bytes from the top are in `head`; the rest, of 31 to 38 bits, is
 * `tail`. So S = 8 * head.size + pending, and a byte costs no more the longer the text is.
 */
struct coder {
    struct work *work;
    unsigned precision;
    struct bytes head;
    uint64_t tail;
    unsigned pending;
    uint32_t range;
};

struct coder_step {
    uint64_t lo, hi;
    unsigned shift;
};

static struct coder coder_new(struct work *work, unsigned precision) {
    return (struct coder){.work = work, .precision = precision, .range = (uint32_t)1 << 31};
}

static uint64_t coder_bound(const struct coder *coder, const struct table *table, unsigned c) {
    return (uint64_t)coder->range * table->entry[c] >> coder->precision;
}

/* S-2: adds to low. What does not fit the tail is carried through the head, and never beyond it. */
static void coder_add(struct coder *coder, uint64_t lo) {
    uint64_t sum = coder->tail + lo, carry = sum >> (31 + coder->pending);
    coder->tail = sum & (((uint64_t)1 << (31 + coder->pending)) - 1);
    for (size_t i = coder->head.size; carry > 0; carry >>= 8) {
        carry += coder->head.data[--i];
        coder->head.data[i] = (uint8_t)carry;
    }
}

/* S-2 */
static struct coder_step coder_code(struct coder *coder, const struct table *table, unsigned c) {
    struct coder_step step = {coder_bound(coder, table, c), coder_bound(coder, table, c + 1), 0};
    step.shift = 32 - digits(step.hi - step.lo);
    coder_add(coder, step.lo);
    coder->tail <<= step.shift;
    coder->range = (uint32_t)((step.hi - step.lo) << step.shift);
    for (coder->pending += step.shift; coder->pending >= 8; coder->pending -= 8) {
        unsigned place = 31 + coder->pending - 8;
        bytes_push(coder->work, &coder->head, (uint8_t)(coder->tail >> place));
        coder->tail &= ((uint64_t)1 << place) - 1;
    }
    return step;
}

/* A bit of low, the least significant being bit 0. */
static unsigned coder_bit(const struct coder *coder, size_t place) {
    size_t tail_size = 31 + coder->pending;
    if (place < tail_size)
        return coder->tail >> place & 1;
    place -= tail_size;
    return place / 8 < coder->head.size ? coder->head.data[coder->head.size - 1 - place / 8] >> (place % 8) & 1 : 0;
}

static void trace_coder(const struct coder *coder, unsigned byte, struct coder_step step, struct bytes *trace) {
    struct work *work = coder->work;
    size_t shifts = 8 * coder->head.size + coder->pending;
    if (trace == NULL)
        return;
    bytes_print(work, trace, "%s{\"byte\": %u, \"lo\": %" PRIu64 ", \"hi\": %" PRIu64 ", \"range\": %" PRIu32,
                comma(trace->size), byte, step.lo, step.hi, coder->range);
    bytes_print(work, trace, ", \"shift\": %zu, \"low\": \"", shifts);
    bool begun = false;
    for (size_t place = (31 + shifts) / 4 + 1; place-- > 0;) {
        unsigned digit = 0;
        for (int bit = 3; bit >= 0; bit--)
            digit = 2 * digit + coder_bit(coder, 4 * place + (size_t)bit);
        begun = begun || digit > 0 || place == 0;
        if (begun)
            bytes_push(work, trace, (uint8_t)"0123456789abcdef"[digit]);
    }
    put_text(work, trace, "\"}");
}

/* The bytes of low from the top, with zeros up to a whole byte. */
static struct bytes coder_bytes(const struct coder *coder) {
    struct bytes low = {0};
    bytes_add(coder->work, &low, coder->head.data, coder->head.size);
    bytes_add_number(coder->work, &low, coder->tail << (9 - coder->pending), 5);
    return low;
}

/* S-3 */
static struct bytes coder_finish(struct coder *coder) {
    struct bytes low = coder_bytes(coder);
    coder_add(coder, coder->range - 1);
    struct bytes top = coder_bytes(coder);
    size_t differ = 0, whole = low.size;
    while (low.data[differ] == top.data[differ])
        differ++;
    while (whole > 0 && low.data[whole - 1] == 0)
        whole--;
    top.size = differ + 1 < whole ? differ + 1 : whole;
    return top;
}

static struct bytes encode_stream(struct session *session, const uint8_t *text, size_t size, struct bytes *trace) {
    struct coder coder = coder_new(session->work, session->model->precision);
    session_rewind(session, 0);
    for (size_t i = 0; i < size; i++) {
        struct coder_step step = coder_code(&coder, session_table(session), text[i]);
        trace_coder(&coder, text[i], step, trace);
        session_see(session, text[i]);
    }
    return coder_finish(&coder);
}

/* S-4, S-5; d is kept up as the note to S-4 says. The text is what the session has seen in the end. */
static void decode_stream(struct session *session, const struct bytes *code, uint64_t length, struct bytes *trace) {
    struct coder coder = coder_new(session->work, session->model->precision);
    uint64_t d = bits_get(code, 0, 31).limb[0];
    size_t place = 31;
    session_rewind(session, 0);
    while (length-- > 0) {
        const struct table *table = session_table(session);
        unsigned c = 0;
        for (unsigned half = BYTES / 2; half > 0; half /= 2)
            if (coder_bound(&coder, table, c + half) <= d)
                c += half;
        struct coder_step step = coder_code(&coder, table, c);
        d = (d - step.lo) << step.shift | bits_get(code, place, step.shift).limb[0];
        place += step.shift;
        trace_coder(&coder, c, step, trace);
        session_see(session, (uint8_t)c);
    }
}

static void op_stream_encode(struct work *work, const struct json *request) {
    struct session *session = session_new(work, read_model(work, json_find(request, "model")));
    struct bytes text = read_bytes(work, json_find(request, "text"));
    struct bytes code = encode_stream(session, text.data, text.size, work->trace);
    answer_bytes(work, "code", &code);
}

static void op_stream_decode(struct work *work, const struct json *request) {
    struct session *session = session_new(work, read_model(work, json_find(request, "model")));
    struct bytes code = read_bytes(work, json_find(request, "code"));
    int64_t length = json_integer(request, "length");
    decode_stream(session, &code, length > 0 ? (uint64_t)length : 0, work->trace);
    answer_bytes(work, "text", &session->seen);
}

/* ==== Windows ===================================================================================================== */

#define BITS_LOW 9
#define BITS_HIGH 128

/* A node of the tree, W-2. */
struct node {
    wide code, below;
    size_t depth;
};

/* How the points below a node are shared: m and K of W-3 to W-5. */
struct shares {
    wide m;
    bool at_root, all_kept;
    unsigned precision;
    uint32_t kept[BYTES + 1];
};

static struct node node_root(unsigned bits) {
    return (struct node){wide_from(0), wide_ones(bits), 0};
}

/* W-4, W-5: K, where it may be that not every child is kept. */
static void sum_kept(struct shares *shares, const struct table *table) {
    uint64_t m = shares->m.limb[0];
    uint32_t greatest = 0;
    int best = 0;
    for (int c = 0; c < BYTES; c++) {
        uint32_t frequency = table->entry[c + 1] - table->entry[c];
        if (frequency > greatest) {
            greatest = frequency;
            best = c;
        }
    }
    shares->kept[0] = 0;
    for (int c = 0; c < BYTES; c++) {
        uint32_t frequency = table->entry[c + 1] - table->entry[c];
        bool kept = c == best || 2 * m * frequency >= (uint64_t)1 << shares->precision;
        shares->kept[c + 1] = shares->kept[c] + (kept ? frequency : 0);
    }
}

static void share_points(struct shares *shares, const struct node *node, const struct table *table,
                         unsigned precision) {
    shares->at_root = node->depth == 0;
    shares->precision = precision;
    shares->m = shares->at_root ? wide_subtract(node->below, wide_from(BYTES)) : node->below; /* W-3 */
    shares->all_kept = !wide_is_small(shares->m);
    if (shares->all_kept)
        memcpy(shares->kept, table->entry, sizeof shares->kept);
    else
        sum_kept(shares, table);
}

/* W-5: where the points of child c start; for c = 256, how many there are. */
static wide share_start(const struct shares *shares, unsigned c) {
    wide start = shares->all_kept ? wide_scale(shares->m, shares->kept[c], shares->precision)
                                  : wide_from(shares->m.limb[0] * shares->kept[c] / shares->kept[BYTES]);
    return shares->at_root ? wide_add(start, wide_from(c)) : start;
}

/* W-6: goes to child c, unless it does not exist. The step is traced if trace is not NULL. */
static bool node_descend(struct work *work, struct node *node, const struct shares *shares, unsigned c, size_t window,
                         struct bytes *trace) {
    wide start = share_start(shares, c), points = wide_subtract(share_start(shares, c + 1), start);
    wide below = node->below;
    if (wide_is_zero(points))
        return false;
    node->code = wide_add(node->code, wide_add(start, wide_from(1)));
    node->below = wide_subtract(points, wide_from(1));
    node->depth++;
    if (trace != NULL) {
        static const char *const names[] = {"below", "start", "points", "code"};
        const wide numbers[] = {below, start, points, node->code};
        bytes_print(work, trace, "%s{\"window\": %zu, \"byte\": %u", comma(trace->size), window, c);
        for (int i = 0; i < 4; i++) {
            bytes_print(work, trace, ", \"%s\": ", names[i]);
            put_wide_hex(work, trace, numbers[i]);
        }
        put_text(work, trace, "}");
    }
    return true;
}

/* W-7: the code of the first window of a text that is not empty. The session has then seen the window. */
static wide encode_window(struct session *session, unsigned bits, const uint8_t *text, size_t size, size_t window,
                          struct bytes *trace) {
    struct node node = node_root(bits);
    struct shares shares;
    session_rewind(session, 0);
    while (node.depth < size && !wide_is_zero(node.below)) {
        share_points(&shares, &node, session_table(session), session->model->precision);
        if (!node_descend(session->work, &node, &shares, text[node.depth], window, trace))
            break;
        session_see(session, text[node.depth - 1]);
    }
    return node.code;
}

/* W-9; the session has then seen the string, or the first limit + 1 bytes of it. */
static void decode_window(struct session *session, unsigned bits, wide code, size_t limit, size_t window,
                          struct bytes *trace) {
    struct node node = node_root(bits);
    struct shares shares;
    session_rewind(session, 0);
    while (wide_compare(node.code, code) < 0 && node.depth <= limit) {
        share_points(&shares, &node, session_table(session), session->model->precision);
        wide rank = wide_subtract(wide_subtract(code, node.code), wide_from(1));
        unsigned c = 0;
        for (unsigned half = BYTES / 2; half > 0; half /= 2)
            if (wide_compare(share_start(&shares, c + half), rank) <= 0)
                c += half;
        node_descend(session->work, &node, &shares, c, window, trace);
        session_see(session, (uint8_t)c);
    }
}

static unsigned read_bits(struct work *work, const struct json *request) {
    return read_size(work, request, "bits", BITS_LOW, BITS_HIGH, "bits"); /* W-1 */
}

/* A window in hexadecimal, P-4; W-10: it must be below 2^bits. */
static wide read_window(struct work *work, const struct json *item, unsigned bits) {
    struct bytes bytes = read_bytes(work, item);
    wide code = wide_from(0);
    for (size_t i = 0; i < bytes.size; i++) {
        size_t place = bytes.size - 1 - i;
        require(work, place < 4 * LIMBS || bytes.data[i] == 0, "code");
        if (place < 4 * LIMBS)
            code.limb[place / 4] |= (uint32_t)bytes.data[i] << (8 * (place % 4));
    }
    require(work, wide_compare(code, wide_ones(bits)) <= 0, "code");
    return code;
}

static wide *read_windows(struct work *work, const struct json *list, unsigned bits, size_t *count) {
    *count = list != NULL && list->kind == JSON_LIST ? list->count : 0;
    wide *codes = arena_take(work, *count, sizeof *codes), *end = codes;
    for (const struct json *item = json_list(list); item != NULL; item = item->next)
        *end++ = read_window(work, item, bits);
    return codes;
}

/* Adds a window to a list of windows. */
static void put_window(struct work *work, struct bytes *out, wide code, unsigned bits, size_t place) {
    uint8_t data[4 * LIMBS];
    unsigned size = (bits + 7) / 8;
    for (unsigned i = 0; i < size; i++)
        data[i] = (uint8_t)wide_byte(code, size - 1 - i);
    put_text(work, out, comma(place));
    put_bytes(work, out, data, size);
}

static void op_windows_encode(struct work *work, const struct json *request) {
    struct session *session = session_new(work, read_model(work, json_find(request, "model")));
    unsigned bits = read_bits(work, request);
    struct bytes text = read_bytes(work, json_find(request, "text"));
    struct bytes *out = answer_field(work, "codes");
    put_text(work, out, "[");
    for (size_t at = 0, window = 0; at < text.size; at += session->seen.size, window++) {
        wide code = encode_window(session, bits, text.data + at, text.size - at, window, work->trace);
        put_window(work, out, code, bits, window);
    }
    put_text(work, out, "]");
}

static void op_windows_decode(struct work *work, const struct json *request) {
    struct session *session = session_new(work, read_model(work, json_find(request, "model")));
    unsigned bits = read_bits(work, request);
    size_t count;
    wide *codes = read_windows(work, json_find(request, "codes"), bits, &count);
    struct bytes *out = answer_field(work, "strings");
    put_text(work, out, "[");
    for (size_t i = 0; i < count; i++) {
        decode_window(session, bits, codes[i], SIZE_MAX - 1, i, work->trace);
        put_text(work, out, comma(i));
        put_bytes(work, out, session->seen.data, session->seen.size);
    }
    put_text(work, out, "]");
}

/* ---- Token ids ---- */

static unsigned read_token_bits(struct work *work, const struct json *request) {
    return read_size(work, request, "token_bits", 1, 16, "token_bits"); /* W-13 */
}

/* The integers of a list, each below 2^bits, else the cause is `id`. */
static uint32_t *read_ids(struct work *work, const struct json *list, unsigned bits, size_t *count) {
    *count = list != NULL && list->kind == JSON_LIST ? list->count : 0;
    uint32_t *ids = arena_take(work, *count, sizeof *ids), *end = ids;
    for (const struct json *item = json_list(list); item != NULL; item = item->next) {
        require(work, item->kind == JSON_INTEGER && item->number >= 0 && item->number < (int64_t)1 << bits, "id");
        *end++ = (uint32_t)item->number;
    }
    return ids;
}

static void answer_ids(struct work *work, const uint32_t *ids, size_t count) {
    struct bytes *out = answer_field(work, "ids");
    put_text(work, out, "[");
    for (size_t i = 0; i < count; i++)
        bytes_print(work, out, "%s%" PRIu32, i == 0 ? "" : ", ", ids[i]);
    put_text(work, out, "]");
}

/* W-13 */
static void op_tokens_cut(struct work *work, const struct json *request) {
    unsigned bits = read_bits(work, request), token_bits = read_token_bits(work, request);
    struct bits stream = {0};
    size_t count;
    wide *codes = read_windows(work, json_find(request, "codes"), bits, &count);
    for (size_t i = 0; i < count; i++)
        bits_put(work, &stream, codes[i], bits);
    count = (stream.count + token_bits - 1) / token_bits;
    uint32_t *ids = arena_take(work, count, sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = bits_get(&stream.bytes, i * token_bits, token_bits).limb[0];
    answer_ids(work, ids, count);
}

/* W-14 */
static void op_tokens_join(struct work *work, const struct json *request) {
    unsigned bits = read_bits(work, request), token_bits = read_token_bits(work, request);
    struct bits stream = {0};
    size_t count;
    uint32_t *ids = read_ids(work, json_find(request, "ids"), token_bits, &count);
    for (size_t i = 0; i < count; i++)
        bits_put(work, &stream, wide_from(ids[i]), token_bits);
    struct bytes *out = answer_field(work, "codes");
    put_text(work, out, "[");
    for (size_t i = 0; i < stream.count / bits; i++)
        put_window(work, out, bits_get(&stream.bytes, i * bits, bits), bits, i);
    put_text(work, out, "]");
}

/* ==== The integer Transformer ===================================================================================== */

#define SETTING_LIMIT 132104
#define CONTEXT_LIMIT 3879
#define START BYTES           /* T-4: the start symbol */
#define SYMBOLS (BYTES + 1)
#define RESIDUAL_LIMIT (1 << 23) /* T-5 */

/* T-1, in the order of ASCII, as T-17 needs them. */
enum setting { CONTEXT, D_MODEL, HEAD_DIM, HEADS, LAYERS, MLP_DIM, VOCAB_SIZE, SETTINGS };

static const char *const setting_names[SETTINGS] = {
    "context", "d_model", "head_dim", "heads", "layers", "mlp_dim", "vocab_size",
};

/* The lengths that occur in shapes, T-2. */
enum length { NONE, OF_SYMBOLS, OF_BYTES, OF_CONTEXT, OF_ROW, OF_HEADS, OF_MEANS, OF_QKV, OF_MLP };

struct tensor_kind {
    const char *name; /* below .layers[i], of the first LAYER_TENSORS */
    int size;         /* the bytes of a number */
    enum length rows, columns;
};

enum tensor_place {
    ATTENTION_GAIN, ATTENTION_GAIN_SHIFT, QKV, QKV_MULTIPLIER, QKV_SHIFT, SCORES_MULTIPLIER, SCORES_SHIFT, BIAS,
    AVERAGE_MULTIPLIER, AVERAGE_SHIFT, OUT, OUT_MULTIPLIER, OUT_SHIFT, MLP_GAIN, MLP_GAIN_SHIFT, GATE, GATE_MULTIPLIER,
    GATE_SHIFT, UP, UP_MULTIPLIER, UP_SHIFT, HIDDEN_MULTIPLIER, HIDDEN_SHIFT, DOWN, DOWN_MULTIPLIER, DOWN_SHIFT,
    LAYER_TENSORS,
    EMBEDDING = LAYER_TENSORS, NORM_GAIN, NORM_GAIN_SHIFT, UNEMBEDDING, UNEMBEDDING_MULTIPLIER, UNEMBEDDING_SHIFT,
    TENSOR_KINDS,
    MODEL_TENSORS = TENSOR_KINDS - LAYER_TENSORS
};

/* Of a scale, and of a product (T-7): the weight, and then its scale. */
#define SCALE(PLACE, NAME, LENGTH) \
    [PLACE##_MULTIPLIER] = {NAME ".multiplier", 1, LENGTH, NONE}, [PLACE##_SHIFT] = {NAME ".shift", 1, LENGTH, NONE}
#define PRODUCT(PLACE, NAME, ROWS, COLUMNS) \
    [PLACE] = {NAME ".weight", 1, ROWS, COLUMNS}, SCALE(PLACE, NAME ".scale", COLUMNS)

/* T-2 */
static const struct tensor_kind tensor_kinds[TENSOR_KINDS] = {
    [ATTENTION_GAIN] = {".attention_norm.gain", 4, NONE, NONE},
    [ATTENTION_GAIN_SHIFT] = {".attention_norm.gain_shift", 1, NONE, NONE},
    PRODUCT(QKV, ".attention.qkv", OF_ROW, OF_QKV),
    SCALE(SCORES, ".attention.scores", OF_HEADS),
    [BIAS] = {".attention.bias", 2, OF_HEADS, OF_CONTEXT},
    SCALE(AVERAGE, ".attention.average", OF_HEADS),
    PRODUCT(OUT, ".attention.out", OF_MEANS, OF_ROW),
    [MLP_GAIN] = {".mlp_norm.gain", 4, NONE, NONE},
    [MLP_GAIN_SHIFT] = {".mlp_norm.gain_shift", 1, NONE, NONE},
    PRODUCT(GATE, ".mlp.gate", OF_ROW, OF_MLP),
    PRODUCT(UP, ".mlp.up", OF_ROW, OF_MLP),
    SCALE(HIDDEN, ".mlp.hidden", NONE),
    PRODUCT(DOWN, ".mlp.down", OF_MLP, OF_ROW),
    [EMBEDDING] = {".embedding", 2, OF_SYMBOLS, OF_ROW},
    [NORM_GAIN] = {".norm.gain", 4, NONE, NONE},
    [NORM_GAIN_SHIFT] = {".norm.gain_shift", 1, NONE, NONE},
    PRODUCT(UNEMBEDDING, ".unembedding", OF_ROW, OF_BYTES),
};

struct tensor {
    char name[64];
    const struct tensor_kind *kind;
    const int32_t *numbers;
};

struct transformer {
    int64_t settings[SETTINGS];
    int64_t lengths[OF_MLP + 1];
    int64_t tensor_count;
    struct tensor *tensors; /* those of the layers, layer by layer, then those of the model */
};

/* T-1 */
static void read_settings(struct work *work, struct transformer *model, const struct json *settings) {
    int64_t *value = model->settings;
    require(work, settings != NULL && settings->count == SETTINGS, "settings");
    for (int i = 0; i < SETTINGS; i++)
        value[i] = read_size(work, settings, setting_names[i], 1, i == CONTEXT ? CONTEXT_LIMIT : SETTING_LIMIT,
                             "settings");
    require(work, value[VOCAB_SIZE] == BYTES && value[HEADS] * value[HEAD_DIM] <= SETTING_LIMIT, "settings");
    int64_t *length = model->lengths;
    length[NONE] = 1;
    length[OF_SYMBOLS] = SYMBOLS;
    length[OF_BYTES] = BYTES;
    length[OF_CONTEXT] = value[CONTEXT];
    length[OF_ROW] = value[D_MODEL];
    length[OF_HEADS] = value[HEADS];
    length[OF_MEANS] = value[HEADS] * value[HEAD_DIM];
    length[OF_QKV] = 3 * length[OF_MEANS];
    length[OF_MLP] = value[MLP_DIM];
}

static int64_t tensor_length(const struct transformer *model, const struct tensor_kind *kind) {
    return model->lengths[kind->rows] * model->lengths[kind->columns];
}

/* T-2 */
static void read_tensors(struct work *work, struct transformer *model, const struct json *tensors) {
    model->tensor_count = model->settings[LAYERS] * LAYER_TENSORS + MODEL_TENSORS;
    require(work, tensors != NULL && (int64_t)tensors->count == model->tensor_count, "tensors");
    model->tensors = arena_take(work, (uint64_t)model->tensor_count, sizeof *model->tensors);
    for (int64_t i = 0; i < model->tensor_count; i++) {
        struct tensor *tensor = &model->tensors[i];
        int64_t layer = i / LAYER_TENSORS;
        bool in_layer = layer < model->settings[LAYERS];
        tensor->kind = &tensor_kinds[i % LAYER_TENSORS + (in_layer ? 0 : LAYER_TENSORS)];
        if (in_layer)
            snprintf(tensor->name, sizeof tensor->name, ".layers[%" PRId64 "]%s", layer, tensor->kind->name);
        else
            snprintf(tensor->name, sizeof tensor->name, "%s", tensor->kind->name);
        int64_t limit = (int64_t)1 << (8 * tensor->kind->size - 1);
        tensor->numbers = read_runs(work, json_find(tensors, tensor->name), tensor_length(model, tensor->kind), -limit,
                                    limit - 1, "tensors");
    }
}

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* T-3 */
static void check_scales(struct work *work, const struct transformer *model) {
    static const struct { const char *end; int32_t low, high; } ranges[] = {
        {".multiplier", 0, 127}, {".shift", 1, 24}, {".gain", 1 << 29, 1 << 30}, {".gain_shift", 16, 24},
    };
    for (int64_t i = 0; i < model->tensor_count; i++) {
        const struct tensor *tensor = &model->tensors[i];
        for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++)
            for (int64_t j = 0; ends_with(tensor->name, ranges[k].end) && j < tensor_length(model, tensor->kind); j++)
                require(work, tensor->numbers[j] >= ranges[k].low && tensor->numbers[j] <= ranges[k].high, "scale");
    }
}

static const struct transformer *read_transformer(struct work *work, const struct json *value) {
    struct transformer *model = arena_take(work, 1, sizeof *model);
    read_settings(work, model, json_find(value, "settings"));
    read_tensors(work, model, json_find(value, "tensors"));
    check_scales(work, model);
    return model;
}

/* ---- Arithmetic ---- */

/* T-11: 2^(11 - i / 256), rounded. */
static const int16_t E[BYTES] = {
    2048, 2042, 2037, 2031, 2026, 2020, 2015, 2010, 2004, 1999, 1993, 1988, 1983, 1977, 1972, 1966, 1961, 1956, 1951,
    1945, 1940, 1935, 1930, 1924, 1919, 1914, 1909, 1904, 1898, 1893, 1888, 1883, 1878, 1873, 1868, 1863, 1858, 1853,
    1848, 1843, 1838, 1833, 1828, 1823, 1818, 1813, 1808, 1803, 1798, 1794, 1789, 1784, 1779, 1774, 1769, 1765, 1760,
    1755, 1750, 1746, 1741, 1736, 1732, 1727, 1722, 1717, 1713, 1708, 1704, 1699, 1694, 1690, 1685, 1681, 1676, 1672,
    1667, 1663, 1658, 1654, 1649, 1645, 1640, 1636, 1631, 1627, 1623, 1618, 1614, 1609, 1605, 1601, 1596, 1592, 1588,
    1584, 1579, 1575, 1571, 1566, 1562, 1558, 1554, 1550, 1545, 1541, 1537, 1533, 1529, 1525, 1520, 1516, 1512, 1508,
    1504, 1500, 1496, 1492, 1488, 1484, 1480, 1476, 1472, 1468, 1464, 1460, 1456, 1452, 1448, 1444, 1440, 1436, 1433,
    1429, 1425, 1421, 1417, 1413, 1409, 1406, 1402, 1398, 1394, 1391, 1387, 1383, 1379, 1376, 1372, 1368, 1364, 1361,
    1357, 1353, 1350, 1346, 1342, 1339, 1335, 1332, 1328, 1324, 1321, 1317, 1314, 1310, 1307, 1303, 1300, 1296, 1292,
    1289, 1286, 1282, 1279, 1275, 1272, 1268, 1265, 1261, 1258, 1255, 1251, 1248, 1244, 1241, 1238, 1234, 1231, 1228,
    1224, 1221, 1218, 1214, 1211, 1208, 1205, 1201, 1198, 1195, 1192, 1188, 1185, 1182, 1179, 1176, 1172, 1169, 1166,
    1163, 1160, 1157, 1154, 1150, 1147, 1144, 1141, 1138, 1135, 1132, 1129, 1126, 1123, 1120, 1117, 1114, 1111, 1108,
    1105, 1102, 1099, 1096, 1093, 1090, 1087, 1084, 1081, 1078, 1075, 1072, 1069, 1066, 1064, 1061, 1058, 1055, 1052,
    1049, 1046, 1044, 1041, 1038, 1035, 1032, 1030, 1027,
};

/* T-5 */
static void add_rows(int32_t *rows, const int32_t *added, size_t count) {
    for (size_t i = 0; i < count; i++)
        rows[i] = (int32_t)clamp(rows[i] + clamp(added[i], RESIDUAL_LIMIT), RESIDUAL_LIMIT);
}

/* T-6 */
static inline int32_t rescale(int64_t x, int32_t multiplier, int32_t shift) {
    return (int32_t)nearest(clamp(x, (1 << 24) - 1) * multiplier, (unsigned)shift);
}

/* T-7: product[0] is the weight, [1] and [2] are the scale. */
static void multiply(const struct transformer *model, const int32_t *x, const struct tensor *product, int32_t *result) {
    int64_t rows = model->lengths[product->kind->rows], columns = model->lengths[product->kind->columns];
    const int32_t *weight = product[0].numbers, *multiplier = product[1].numbers, *shift = product[2].numbers;
    memset(result, 0, (size_t)columns * sizeof *result);
    for (int64_t i = 0; i < rows; i++, weight += columns)
        for (int64_t j = 0; j < columns; j++)
            result[j] += x[i] * weight[j];
    for (int64_t j = 0; j < columns; j++)
        result[j] = rescale(result[j], multiplier[j], shift[j]);
}

/* floor(sqrt(x)) for x below 2^32 */
static uint32_t square_root(uint32_t x) {
    uint32_t root = 0;
    for (uint32_t bit = 1 << 15; bit > 0; bit >>= 1)
        if ((root | bit) * (root | bit) <= x)
            root |= bit;
    return root;
}

/* T-8 */
static void normalize(const int32_t *x, size_t d, int32_t gain, int32_t gain_shift, int32_t *result) {
    unsigned b = 0, e = 0, h = 0;
    int32_t greatest = 0;
    int64_t squares = 0;
    while ((int64_t)d << 2 * (b + 1) <= 1 << 30)
        b++;
    for (size_t i = 0; i < d; i++)
        greatest = abs(x[i]) > greatest ? abs(x[i]) : greatest;
    while (greatest >= (int64_t)1 << (b + e))
        e++;
    for (size_t i = 0; i < d; i++) {
        result[i] = (int32_t)nearest(x[i], e);
        squares += (int64_t)result[i] * result[i];
    }
    if (squares == 0)
        squares = 1;
    while (squares << 2 * (h + 1) < (int64_t)1 << 31)
        h++;
    int64_t v = gain / (int32_t)square_root((uint32_t)(squares << 2 * h));
    for (size_t i = 0; i < d; i++)
        result[i] = (int32_t)clamp(nearest(result[i] * v, (unsigned)gain_shift - h), 127);
}

/* ---- From bytes to logits: a pass over positions, with the keys and values of those before kept ---- */

/* The keys or values of a layer, in bytes: of each position those of all heads. */
struct cache {
    struct bytes keys, values;
};

struct pass {
    struct work *work;
    const struct transformer *model;
    struct bytes *trace;
    size_t done;           /* how many positions are in the caches */
    struct cache *caches;  /* one for each layer */
    size_t batch;          /* how many positions may be taken at once */
    int32_t *rows, *normed, *added, *logits; /* of each position at once */
    int32_t *qkv, *means, *gate, *up, *weights; /* of one position */
};

static struct pass *pass_new(struct work *work, const struct transformer *model, size_t batch, struct bytes *trace) {
    const int64_t *length = model->lengths;
    struct pass *pass = arena_take(work, 1, sizeof *pass);
    *pass = (struct pass){.work = work, .model = model, .trace = trace, .batch = batch};
    pass->caches = arena_take(work, (uint64_t)model->settings[LAYERS], sizeof *pass->caches);
    memset(pass->caches, 0, (size_t)model->settings[LAYERS] * sizeof *pass->caches);
    int32_t **by_row[] = {&pass->rows, &pass->normed, &pass->added};
    for (int i = 0; i < 3; i++)
        *by_row[i] = arena_take(work, batch * (uint64_t)length[OF_ROW], sizeof(int32_t));
    pass->logits = arena_take(work, batch * (uint64_t)BYTES, sizeof(int32_t));
    pass->qkv = arena_take(work, (uint64_t)length[OF_QKV], sizeof(int32_t));
    pass->means = arena_take(work, (uint64_t)length[OF_MEANS], sizeof(int32_t));
    pass->gate = arena_take(work, (uint64_t)length[OF_MLP], sizeof(int32_t));
    pass->up = arena_take(work, (uint64_t)length[OF_MLP], sizeof(int32_t));
    pass->weights = arena_take(work, (uint64_t)length[OF_CONTEXT], sizeof(int32_t));
    return pass;
}

/* The steps of a stage, P-5; layer is -1 for those of the model. */
static void trace_stage(struct pass *pass, int64_t layer, const char *stage, const int32_t *rows, size_t count,
                        size_t width) {
    for (size_t i = 0; i < count && pass->trace != NULL; i++) {
        bytes_print(pass->work, pass->trace, "%s{\"stage\": \"", comma(pass->trace->size));
        if (layer >= 0)
            bytes_print(pass->work, pass->trace, "layers[%" PRId64 "].", layer);
        bytes_print(pass->work, pass->trace, "%s\", \"position\": %zu, \"row\": ", stage, pass->done + i);
        put_runs(pass->work, pass->trace, rows + i * width, width);
        put_text(pass->work, pass->trace, "}");
    }
}

/* T-11; the scores are replaced by the weights, and their sum is given. */
static int32_t weights_of_scores(int32_t *scores, size_t count) {
    int32_t greatest = scores[0], total = 0;
    for (size_t i = 1; i < count; i++)
        greatest = scores[i] > greatest ? scores[i] : greatest;
    for (size_t i = 0; i < count; i++) {
        int32_t d = greatest - scores[i];
        scores[i] = (int32_t)nearest(E[d % 256], d / 256 < 15 ? (unsigned)d / 256 : 15);
        total += scores[i];
    }
    return total;
}

/* T-10 to T-12: the means of one head at one position. */
static void attend(struct pass *pass, int64_t layer, size_t head, size_t position, int32_t *means) {
    const struct transformer *model = pass->model;
    const struct cache *cache = &pass->caches[layer];
    size_t e = (size_t)model->settings[HEAD_DIM], context = (size_t)model->settings[CONTEXT];
    size_t width = (size_t)model->lengths[OF_MEANS], first = position + 1 > context ? position + 1 - context : 0;
    size_t seen = position + 1 - first;
    const struct tensor *tensors = model->tensors + layer * LAYER_TENSORS;
    const int32_t *bias = tensors[BIAS].numbers + head * context, *query = pass->qkv + head * e;
    int32_t *weights = pass->weights;
    for (size_t q = 0; q < seen; q++) {
        const int8_t *key = (const int8_t *)cache->keys.data + (first + q) * width + head * e;
        int32_t sum = 0;
        for (size_t i = 0; i < e; i++)
            sum += query[i] * key[i];
        sum = rescale(sum, tensors[SCORES_MULTIPLIER].numbers[head], tensors[SCORES_SHIFT].numbers[head]);
        weights[q] = (int32_t)clamp(sum, 1 << 20) + bias[seen - 1 - q];
    }
    int32_t total = weights_of_scores(weights, seen);
    unsigned t = digits((uint64_t)total) - 1, k = t < 15 ? t : 15;
    unsigned average_shift = (unsigned)tensors[AVERAGE_SHIFT].numbers[head];
    int64_t inverse = ((int64_t)1 << (k + 15)) / (total >> (t - k));
    int64_t g = nearest(inverse * tensors[AVERAGE_MULTIPLIER].numbers[head], 7);
    memset(means, 0, e * sizeof *means);
    for (size_t q = 0; q < seen; q++) {
        const int8_t *value = (const int8_t *)cache->values.data + (first + q) * width + head * e;
        for (size_t i = 0; i < e; i++)
            means[i] += weights[q] * value[i];
    }
    for (size_t i = 0; i < e; i++)
        means[i] = (int32_t)clamp(nearest(nearest(means[i], t - 7) * g, average_shift), 127);
}

/* T-9 to T-13 for one position, whose row has gone through the norm. */
static void attention(struct pass *pass, int64_t layer, size_t position, const int32_t *normed, int32_t *added) {
    const struct transformer *model = pass->model;
    const struct tensor *tensors = model->tensors + layer * LAYER_TENSORS;
    size_t width = (size_t)model->lengths[OF_MEANS], e = (size_t)model->settings[HEAD_DIM];
    struct cache *cache = &pass->caches[layer];
    multiply(model, normed, &tensors[QKV], pass->qkv);
    for (size_t i = 0; i < 3 * width; i++)
        pass->qkv[i] = (int32_t)clamp(pass->qkv[i], 127);
    cache->keys.size = cache->values.size = position * width;
    for (size_t i = 0; i < width; i++) {
        bytes_push(pass->work, &cache->keys, (uint8_t)pass->qkv[width + i]);
        bytes_push(pass->work, &cache->values, (uint8_t)pass->qkv[2 * width + i]);
    }
    for (size_t head = 0; head < (size_t)model->settings[HEADS]; head++)
        attend(pass, layer, head, position, pass->means + head * e);
    multiply(model, pass->means, &tensors[OUT], added);
}

/* T-14 for one position. */
static void mlp(struct pass *pass, int64_t layer, const int32_t *normed, int32_t *added) {
    const struct transformer *model = pass->model;
    const struct tensor *tensors = model->tensors + layer * LAYER_TENSORS;
    multiply(model, normed, &tensors[GATE], pass->gate);
    multiply(model, normed, &tensors[UP], pass->up);
    for (int64_t j = 0; j < model->settings[MLP_DIM]; j++) {
        int64_t gate = pass->gate[j] < 0 ? 0 : clamp(pass->gate[j], 2047), up = clamp(pass->up[j], 2047);
        int32_t hidden = rescale(gate * up, tensors[HIDDEN_MULTIPLIER].numbers[0], tensors[HIDDEN_SHIFT].numbers[0]);
        pass->gate[j] = (int32_t)clamp(hidden, 127);
    }
    multiply(model, pass->gate, &tensors[DOWN], added);
}

/* T-8 for all positions at once; gain[0] is the gain, gain[1] its shift. */
static void normalize_rows(struct pass *pass, int64_t layer, const char *stage, size_t count,
                           const struct tensor *gain) {
    size_t d = (size_t)pass->model->lengths[OF_ROW];
    for (size_t i = 0; i < count; i++)
        normalize(pass->rows + i * d, d, gain[0].numbers[0], gain[1].numbers[0], pass->normed + i * d);
    trace_stage(pass, layer, stage, pass->normed, count, d);
}

/* T-4: a layer changes the rows. */
static void layer_forward(struct pass *pass, int64_t layer, size_t count) {
    const struct tensor *tensors = pass->model->tensors + layer * LAYER_TENSORS;
    size_t d = (size_t)pass->model->lengths[OF_ROW];
    normalize_rows(pass, layer, "attention_norm", count, &tensors[ATTENTION_GAIN]);
    for (size_t i = 0; i < count; i++)
        attention(pass, layer, pass->done + i, pass->normed + i * d, pass->added + i * d);
    trace_stage(pass, layer, "attention", pass->added, count, d);
    add_rows(pass->rows, pass->added, count * d);
    normalize_rows(pass, layer, "mlp_norm", count, &tensors[MLP_GAIN]);
    for (size_t i = 0; i < count; i++)
        mlp(pass, layer, pass->normed + i * d, pass->added + i * d);
    trace_stage(pass, layer, "mlp", pass->added, count, d);
    add_rows(pass->rows, pass->added, count * d);
}

/* T-4, T-15: the logits of the next count positions, whose symbols are the start symbol and the text. */
static void pass_forward(struct pass *pass, const uint8_t *text, size_t count) {
    const struct transformer *model = pass->model;
    const struct tensor *tensors = model->tensors + (model->settings[LAYERS] - 1) * LAYER_TENSORS;
    size_t d = (size_t)model->lengths[OF_ROW];
    for (size_t i = 0; i < count; i++) {
        size_t position = pass->done + i, symbol = position == 0 ? START : text[position - 1];
        memcpy(pass->rows + i * d, tensors[EMBEDDING].numbers + symbol * d, d * sizeof(int32_t));
    }
    trace_stage(pass, -1, "embedding", pass->rows, count, d);
    for (int64_t layer = 0; layer < model->settings[LAYERS]; layer++)
        layer_forward(pass, layer, count);
    normalize_rows(pass, -1, "norm", count, &tensors[NORM_GAIN]);
    for (size_t i = 0; i < count; i++)
        multiply(model, pass->normed + i * d, &tensors[UNEMBEDDING], pass->logits + i * BYTES);
    for (size_t i = 0; i < count * BYTES; i++)
        pass->logits[i] = (int32_t)clamp(pass->logits[i], 1 << 20);
    trace_stage(pass, -1, "logits", pass->logits, count, BYTES);
    pass->done += count;
}

/* Forgets the positions from one on. */
static void pass_rewind(struct pass *pass, size_t positions) {
    if (pass->done > positions)
        pass->done = positions;
}

/* The logits of one position, after all bytes before it. */
static const int32_t *pass_logits(struct pass *pass, const uint8_t *text, size_t position) {
    pass_rewind(pass, position);
    while (pass->done <= position)
        pass_forward(pass, text, 1);
    return pass->logits;
}

static void op_transformer_logits(struct work *work, const struct json *request) {
    const struct transformer *model = read_transformer(work, json_find(request, "transformer"));
    struct bytes text = read_bytes(work, json_find(request, "text"));
    struct pass *pass = pass_new(work, model, text.size, work->trace);
    pass_forward(pass, text.data, text.size);
    struct bytes *out = answer_field(work, "logits");
    put_text(work, out, "[");
    for (size_t i = 0; i < text.size; i++) {
        put_text(work, out, comma(i));
        put_runs(work, out, pass->logits + i * BYTES, BYTES);
    }
    put_text(work, out, "]");
}

/* ---- Fingerprints, T-17 ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const struct tensor *const *)a)->name, (*(const struct tensor *const *)b)->name);
}

/* The text [NAME, TYPE, SHAPE], then the numbers, little-endian. */
static void add_tensor(struct work *work, struct bytes *message, const struct transformer *model,
                       const struct tensor *tensor) {
    static const char *const types[] = {[1] = "|i1", [2] = "<i2", [4] = "<i4"};
    const struct tensor_kind *kind = tensor->kind;
    bytes_print(work, message, "[\"%s\", \"%s\", [", tensor->name, types[kind->size]);
    if (kind->rows != NONE)
        bytes_print(work, message, "%" PRId64, model->lengths[kind->rows]);
    if (kind->columns != NONE)
        bytes_print(work, message, ", %" PRId64, model->lengths[kind->columns]);
    put_text(work, message, "]]");
    for (int64_t i = 0; i < tensor_length(model, kind); i++)
        for (int byte = 0; byte < kind->size; byte++)
            bytes_push(work, message, (uint8_t)((uint32_t)tensor->numbers[i] >> (8 * byte)));
}

static void op_transformer_fingerprint(struct work *work, const struct json *request) {
    const struct transformer *model = read_transformer(work, json_find(request, "transformer"));
    const struct tensor **sorted = arena_take(work, (uint64_t)model->tensor_count, sizeof *sorted);
    struct bytes message = {0};
    put_text(work, &message, "[\"ecjax.integer_transformer\", {");
    for (int i = 0; i < SETTINGS; i++)
        bytes_print(work, &message, "%s\"%s\": %" PRId64, i == 0 ? "" : ", ", setting_names[i], model->settings[i]);
    put_text(work, &message, "}]");
    for (int64_t i = 0; i < model->tensor_count; i++)
        sorted[i] = &model->tensors[i];
    qsort(sorted, (size_t)model->tensor_count, sizeof *sorted, compare_names);
    for (int64_t i = 0; i < model->tensor_count; i++)
        add_tensor(work, &message, model, sorted[i]);
    uint8_t hash[FINGERPRINT];
    sha256(&message, hash);
    put_bytes(work, answer_field(work, "fingerprint"), hash, FINGERPRINT);
}

/* ==== Codebooks =================================================================================================== */

#define CODEBOOK_HIGH 16
#define NODES_LIMIT ((int64_t)1 << 22) /* B-12 */
#define STRING_LIMIT 255               /* B-12 */
#define COST_LIMIT 65535

struct codebook {
    unsigned bits;
    int32_t size, count; /* of nodes, and of strings: 2^bits */
    int32_t *parents, *last_bytes;
    int32_t *members, *costs; /* NULL if there are none */
    int32_t *siblings;        /* of each node the next child of its parent, or 0 */
    int32_t *ids;             /* of each node its id, or -1 */
    int32_t *nodes;           /* of each id its node */
};

/* Zeros, so many. */
static int32_t *take_zeros(struct work *work, int32_t count) {
    int32_t *numbers = arena_take(work, (uint64_t)count, sizeof *numbers);
    memset(numbers, 0, (size_t)count * sizeof *numbers);
    return numbers;
}

/* B-1, B-10: the lists that there are, and from them how many nodes and strings there are. */
static void read_lists(struct work *work, struct codebook *book, const struct json *value) {
    const struct json *parents = json_find(value, "parents"), *members = json_find(value, "members");
    int64_t size = runs_length(work, parents, "codebook"), count = size;
    require(work, size <= NODES_LIMIT, "codebook");
    book->parents = read_runs(work, parents, size, 0, size - 1, "codebook");
    book->last_bytes = read_runs(work, json_find(value, "last_bytes"), size, 0, BYTES - 1, "codebook");
    if (members != NULL) {
        book->members = read_runs(work, members, size, 0, 1, "codebook");
        count = 0;
        for (int64_t i = 0; i < size; i++)
            count += book->members[i];
        require(work, count < size, "codebook"); /* else they are left out */
    }
    book->bits = digits((uint64_t)count) - 1;
    require(work, count >= 1 << BITS_LOW && count <= 1 << CODEBOOK_HIGH && count == 1 << book->bits, "codebook");
    book->size = (int32_t)size;
    book->count = (int32_t)count;
}

/* B-2: links node i to the child of its parent before it, and checks that preorder allows it there. */
static bool link_node(struct codebook *book, int32_t *last_child, int32_t i) {
    int32_t parent = book->parents[i], above = i - 1;
    while (above > parent)
        above = book->parents[above];
    if (above != parent)
        return false;
    int32_t before = last_child[parent];
    if (before != 0)
        book->siblings[before] = i;
    last_child[parent] = i;
    return before == 0 || book->last_bytes[before] < book->last_bytes[i];
}

/* B-2, B-3, B-12: the tree. */
static void link_nodes(struct work *work, struct codebook *book, int32_t *last_child) {
    bool limited = book->members != NULL || book->costs != NULL;
    int32_t *depths = take_zeros(work, book->size), children = 0;
    require(work, book->parents[0] == 0 && book->last_bytes[0] == 0, "codebook");
    for (int32_t i = 1; i < book->size; i++) {
        require(work, book->parents[i] < i && link_node(book, last_child, i), "codebook");
        children += book->parents[i] == 0;
        depths[i] = depths[book->parents[i]] + 1;
        require(work, !limited || depths[i] <= STRING_LIMIT, "codebook");
    }
    require(work, children == BYTES, "codebook"); /* B-3: children of one parent have different bytes */
}

/* B-10: numbers the members, and checks that those nodes are which have to be. */
static void number_strings(struct work *work, struct codebook *book, const int32_t *last_child) {
    book->ids = take_zeros(work, book->size);
    book->nodes = take_zeros(work, book->count);
    int32_t id = 0;
    for (int32_t i = 0; i < book->size; i++) {
        bool member = book->members == NULL || book->members[i] == 1;
        bool needed = book->parents[i] == 0 || last_child[i] == 0; /* the root, bytes; nodes without children */
        require(work, member || !needed, "codebook");
        book->ids[i] = member ? id : -1;
        if (member)
            book->nodes[id++] = i;
    }
}

static struct codebook *read_codebook(struct work *work, const struct json *value) {
    struct codebook *book = arena_take(work, 1, sizeof *book);
    const struct json *costs = json_find(value, "costs");
    *book = (struct codebook){0};
    read_lists(work, book, value);
    if (costs != NULL) { /* B-11 */
        book->costs = read_runs(work, costs, book->count, 0, COST_LIMIT, "codebook");
        require(work, book->costs[0] == 0, "codebook");
    }
    book->siblings = take_zeros(work, book->size);
    int32_t *last_child = take_zeros(work, book->size);
    link_nodes(work, book, last_child);
    number_strings(work, book, last_child);
    return book;
}

/* The child of a node with one byte more, or 0. */
static int32_t find_child(const struct codebook *book, int32_t parent, uint8_t byte) {
    int32_t child = parent + 1 < book->size && book->parents[parent + 1] == parent ? parent + 1 : 0;
    while (child != 0 && book->last_bytes[child] < byte)
        child = book->siblings[child];
    return child != 0 && book->last_bytes[child] == byte ? child : 0;
}

/* B-5: the longest string that a text of at least one byte begins with: its id, and its size. */
static size_t longest_string(const struct codebook *book, const uint8_t *text, size_t size, uint32_t *id) {
    size_t longest = 0;
    int32_t node = 0;
    for (size_t i = 0; i < size && (node = find_child(book, node, text[i])) != 0; i++)
        if (book->ids[node] >= 0) {
            *id = (uint32_t)book->ids[node];
            longest = i + 1;
        }
    return longest;
}

/* The cheapest way from a place of a text to its end. */
struct way {
    uint64_t cost; /* no sum of costs is too large for it: a text would have 2^48 bytes */
    size_t size;   /* of the first string */
    uint32_t id;   /* of the first string */
};

/* B-13: the cheapest way from a place, if those from all later places are known. Of equal ones, the last is longest. */
static struct way cheapest_way(const struct codebook *book, const uint8_t *text, size_t size, const struct way *ways) {
    struct way best = {.cost = UINT64_MAX};
    int32_t node = 0;
    for (size_t i = 0; i < size && (node = find_child(book, node, text[i])) != 0; i++) {
        int32_t id = book->ids[node];
        if (id >= 0 && ways[i + 1].cost + (uint64_t)book->costs[id] <= best.cost)
            best = (struct way){ways[i + 1].cost + (uint64_t)book->costs[id], i + 1, (uint32_t)id};
    }
    return best;
}

/* The ids of a text; there is room for one for each of its bytes. */
static size_t encode_ids(struct work *work, const struct codebook *book, const uint8_t *text, size_t size,
                         uint32_t *ids) {
    size_t count = 0;
    if (book->costs == NULL) {
        for (size_t at = 0; at < size; count++)
            at += longest_string(book, text + at, size - at, &ids[count]);
        return count;
    }
    struct way *ways = arena_take(work, (uint64_t)size + 1, sizeof *ways);
    ways[size] = (struct way){0};
    for (size_t at = size; at-- > 0;)
        ways[at] = cheapest_way(book, text + at, size - at, ways + at);
    for (size_t at = 0; at < size; at += ways[at].size)
        ids[count++] = ways[at].id;
    return count;
}

/* B-6: adds the string of an id to a text. */
static void decode_id(struct work *work, const struct codebook *book, uint32_t id, struct bytes *text) {
    size_t depth = 0;
    int32_t first = book->nodes[id];
    for (int32_t node = first; node != 0; node = book->parents[node])
        depth++;
    bytes_reserve(work, text, depth + 1);
    text->size += depth;
    uint8_t *end = text->data + text->size;
    for (int32_t node = first; node != 0; node = book->parents[node])
        *--end = (uint8_t)book->last_bytes[node];
}

/* A child that codebook.compile has yet to number. */
struct child {
    int32_t parent;
    uint8_t byte;
    uint32_t below;
    size_t depth;
};

/* Adds the children of a node to those that wait, the last child first, so that the first is taken first. */
static size_t add_children(struct session *session, const struct node *node, int32_t code, struct child *waiting,
                           size_t count) {
    struct shares shares;
    if (wide_is_zero(node->below))
        return count;
    share_points(&shares, node, session_table(session), session->model->precision);
    uint32_t end = share_start(&shares, BYTES).limb[0];
    for (unsigned c = BYTES; c-- > 0;) {
        uint32_t start = share_start(&shares, c).limb[0];
        if (start < end)
            waiting[count++] = (struct child){code, (uint8_t)c, end - start - 1, node->depth + 1};
        end = start;
    }
    return count;
}

/* B-4: every string waits once, and is numbered when it is its turn in preorder. */
static void op_codebook_compile(struct work *work, const struct json *request) {
    struct session *session = session_new(work, read_model(work, json_find(request, "model")));
    unsigned bits = read_size(work, request, "bits", BITS_LOW, CODEBOOK_HIGH, "bits");
    int32_t size = 1 << bits;
    int32_t *parents = arena_take(work, (uint64_t)size, sizeof *parents);
    int32_t *last_bytes = arena_take(work, (uint64_t)size, sizeof *last_bytes);
    struct child *waiting = arena_take(work, (uint64_t)size, sizeof *waiting);
    size_t count = 0;
    waiting[count++] = (struct child){.below = (uint32_t)size - 1};
    for (int32_t code = 0; code < size; code++) {
        struct child child = waiting[--count];
        struct node node = {wide_from((uint32_t)code), wide_from(child.below), child.depth};
        parents[code] = child.parent;
        last_bytes[code] = child.byte;
        if (code > 0) {
            session_rewind(session, child.depth - 1);
            session_see(session, child.byte);
        }
        count = add_children(session, &node, code, waiting, count);
        if (work->trace != NULL)
            bytes_print(work, work->trace, "%s{\"code\": %" PRId32 ", \"parent\": %" PRId32 ", \"last_byte\": %u}",
                        comma(work->trace->size), code, child.parent, (unsigned)child.byte);
    }
    put_runs(work, answer_field(work, "parents"), parents, (size_t)size);
    put_runs(work, answer_field(work, "last_bytes"), last_bytes, (size_t)size);
}

static void op_codebook_encode(struct work *work, const struct json *request) {
    const struct codebook *book = read_codebook(work, json_find(request, "codebook"));
    struct bytes text = read_bytes(work, json_find(request, "text"));
    uint32_t *ids = arena_take(work, text.size, sizeof *ids);
    answer_ids(work, ids, encode_ids(work, book, text.data, text.size, ids));
}

static void op_codebook_decode(struct work *work, const struct json *request) {
    const struct codebook *book = read_codebook(work, json_find(request, "codebook"));
    struct bytes text = {0};
    size_t count;
    uint32_t *ids = read_ids(work, json_find(request, "ids"), book->bits, &count);
    for (size_t i = 0; i < count; i++)
        decode_id(work, book, ids[i], &text);
    answer_bytes(work, "text", &text);
}

/* B-8: adds a list of numbers of 1, 2 or 4 bytes, and before it what it is. */
static void add_list(struct work *work, struct bytes *message, const char *name, const int32_t *numbers, int32_t count,
                     int size) {
    if (numbers == NULL)
        return;
    bytes_print(work, message, "[\"%s\", \"%cu%d\", [%" PRId32 "]]", name, size == 1 ? '|' : '<', size, count);
    for (int32_t i = 0; i < count; i++)
        for (int byte = 0; byte < size; byte++)
            bytes_push(work, message, (uint8_t)(numbers[i] >> (8 * byte)));
}

/* B-8 */
static void codebook_fingerprint(struct work *work, const struct codebook *book, uint8_t hash[FINGERPRINT]) {
    struct bytes message = {0};
    bytes_print(work, &message, "[\"ecjax.codebook\", {\"bits\": %u}]", book->bits);
    add_list(work, &message, "costs", book->costs, book->count, 2);
    add_list(work, &message, "last_bytes", book->last_bytes, book->size, 1);
    add_list(work, &message, "members", book->members, book->size, 1);
    add_list(work, &message, "parents", book->parents, book->size, book->size <= 1 << 16 ? 2 : 4);
    sha256(&message, hash);
}

static void op_codebook_fingerprint(struct work *work, const struct json *request) {
    uint8_t hash[FINGERPRINT];
    codebook_fingerprint(work, read_codebook(work, json_find(request, "codebook")), hash);
    put_bytes(work, answer_field(work, "fingerprint"), hash, FINGERPRINT);
}

/* ==== Container =================================================================================================== */

#define VERSION 2
#define HEADER_SIZE 48
#define SUM_SIZE 4 /* bytes of a CRC-32 */
#define BLOCK_LIMIT 65536
#define END_SIZE_1 12 /* K-18 */

enum method { STREAMS = 1, WINDOWS, CODEBOOK }; /* K-5 */

static const uint8_t magic[8] = {0x89, 0x45, 0x43, 0x4a, 0x0d, 0x0a, 0x1a, 0x0a};

/* The fields of a header, K-1. */
struct header {
    unsigned method, bits, precision;
    uint8_t fingerprint[FINGERPRINT];
};

/* With what a text is coded, P-4. */
struct coding {
    struct header header;
    const struct codebook *book;
    struct session *session; /* NULL with a codebook */
};

static struct coding *read_coding(struct work *work, const struct json *request) {
    struct coding *coding = arena_take(work, 1, sizeof *coding);
    struct header *header = &coding->header;
    *coding = (struct coding){0};
    if (json_find(request, "codebook") != NULL) {
        coding->book = read_codebook(work, json_find(request, "codebook"));
        header->method = CODEBOOK;
        header->bits = coding->book->bits;
        codebook_fingerprint(work, coding->book, header->fingerprint);
        return coding;
    }
    const struct model *model = read_model(work, json_find(request, "model"));
    coding->session = session_new(work, model);
    header->precision = model->precision;
    header->method = STREAMS;
    if (json_find(request, "bits") != NULL) {
        header->method = WINDOWS;
        header->bits = read_bits(work, request);
    }
    struct bytes fingerprint = read_bytes(work, json_find(request, "fingerprint"));
    for (size_t i = 0; i < fingerprint.size && i < FINGERPRINT; i++)
        header->fingerprint[i] = fingerprint.data[i];
    return coding;
}

static void trace_header(struct work *work, unsigned version, const struct header *header) {
    if (work->trace == NULL)
        return;
    bytes_print(work, work->trace,
                "%s{\"part\": \"header\", \"version\": %u, \"method\": %u, \"bits\": %u, \"precision\": %u, "
                "\"fingerprint\": ",
                comma(work->trace->size), version, header->method, header->bits, header->precision);
    put_bytes(work, work->trace, header->fingerprint, FINGERPRINT);
    put_text(work, work->trace, "}");
}

/* A block of a file, K-1 or K-18. */
struct block {
    size_t length;        /* n */
    struct bytes payload; /* p bytes, within the file or not */
    bool last;
};

static void trace_block(struct work *work, const struct block *block) {
    if (work->trace == NULL)
        return;
    bytes_print(work, work->trace, "%s{\"part\": \"block\", \"length\": %zu, \"payload\": ",
                comma(work->trace->size), block->length);
    put_bytes(work, work->trace, block->payload.data, block->payload.size);
    bytes_print(work, work->trace, ", \"last\": %d}", block->last);
}

/* ---- Writing ---- */

/* K-9, K-10 */
static struct bytes encode_payload(struct work *work, const struct coding *coding, const uint8_t *text, size_t size) {
    struct bits payload = {0};
    unsigned bits = coding->header.bits;
    if (coding->header.method == STREAMS)
        return encode_stream(coding->session, text, size, NULL);
    if (coding->header.method == WINDOWS) {
        for (size_t at = 0; at < size; at += coding->session->seen.size)
            bits_put(work, &payload, encode_window(coding->session, bits, text + at, size - at, 0, NULL), bits);
        return payload.bytes;
    }
    uint32_t *ids = arena_take(work, size, sizeof *ids);
    size_t count = encode_ids(work, coding->book, text, size, ids);
    for (size_t i = 0; i < count; i++)
        bits_put(work, &payload, wide_from(ids[i]), bits);
    return payload.bytes;
}

/* Adds the CRC-32 of what the file has from a place on. */
static void add_sum(struct work *work, struct bytes *file, size_t start) {
    bytes_add_number(work, file, crc32(file->data + start, file->size - start), SUM_SIZE);
}

/* K-1: adds a block; the CRC-32 of the whole text stands in the last only (K-11). */
static void write_block(struct work *work, struct bytes *file, const struct block *block, const struct bytes *text) {
    size_t start = file->size;
    bytes_push(work, file, block->last);
    bytes_add_number(work, file, block->length, 3);
    bytes_add_number(work, file, block->payload.size, 3);
    bytes_add(work, file, block->payload.data, block->payload.size);
    if (block->last)
        bytes_add_number(work, file, crc32(text->data, text->size), SUM_SIZE);
    add_sum(work, file, start - SUM_SIZE); /* K-8 */
    trace_block(work, block);
}

static void write_header(struct work *work, struct bytes *file, const struct header *header) {
    bytes_add(work, file, magic, sizeof magic);
    bytes_push(work, file, VERSION);
    bytes_push(work, file, (uint8_t)header->method);
    bytes_push(work, file, (uint8_t)header->bits);
    bytes_push(work, file, (uint8_t)header->precision);
    bytes_add(work, file, header->fingerprint, FINGERPRINT);
    add_sum(work, file, 0);
    trace_header(work, VERSION, header);
}

/* K-16: the code of a part of a text if it is shorter than that, else the part itself. */
static struct bytes shorter_payload(struct work *work, const struct coding *coding, uint8_t *part, size_t size) {
    struct bytes code = encode_payload(work, coding, part, size);
    if (code.size < size)
        return code;
    return (struct bytes){.data = part, .size = size};
}

static void op_container_encode(struct work *work, const struct json *request) {
    const struct coding *coding = read_coding(work, request);
    struct bytes text = read_bytes(work, json_find(request, "text"));
    size_t most = read_size(work, request, "block", 1, BLOCK_LIMIT, "block"), at = 0;
    struct block block = {0};
    struct bytes file = {0};
    write_header(work, &file, &coding->header);
    do { /* K-13: the empty text has a block too */
        size_t left = text.size - at;
        block.length = left < most ? left : most;
        block.last = left <= most;
        block.payload = shorter_payload(work, coding, text.data + at, block.length);
        write_block(work, &file, &block, &text);
        at += block.length;
    } while (!block.last);
    answer_bytes(work, "file", &file);
}

/* ---- Reading, in the order of K-12 ---- */

struct reader {
    struct work *work;
    struct bytes file;
    size_t at;
    const struct coding *coding; /* NULL if the text is not asked for */
    unsigned version;
    struct header header;
    struct bytes text;
    uint64_t length, blocks, stored; /* bytes of text so far, blocks with text, those of them that are stored */
};

static uint64_t number_at(const struct reader *reader, size_t at, size_t size) {
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | reader->file.data[at + i];
    return number;
}

/* K-4 */
static void require_bytes(const struct reader *reader, size_t size) {
    require(reader->work, reader->file.size - reader->at >= size, "truncated");
}

/* The CRC-32 of the bytes from start to end stands at the end. */
static void require_sum(const struct reader *reader, size_t start, size_t end, const char *cause) {
    require(reader->work, crc32(reader->file.data + start, end - start) == number_at(reader, end, SUM_SIZE), cause);
}

/* K-2 to K-6 */
static void read_header(struct reader *reader) {
    struct work *work = reader->work;
    const struct bytes *file = &reader->file;
    struct header *header = &reader->header;
    require(work, file->size >= sizeof magic && memcmp(file->data, magic, sizeof magic) == 0, "magic");
    require_bytes(reader, sizeof magic + 1);
    reader->version = file->data[8];
    require(work, reader->version == VERSION || reader->version == 1, "version");
    require_bytes(reader, HEADER_SIZE);
    require_sum(reader, 0, HEADER_SIZE - SUM_SIZE, "header");
    header->method = file->data[9];
    header->bits = file->data[10];
    header->precision = file->data[11];
    memcpy(header->fingerprint, file->data + 12, FINGERPRINT);
    reader->at = HEADER_SIZE;
    unsigned method = header->method, bits = header->bits, precision = header->precision;
    require(work, method >= STREAMS && method <= CODEBOOK, "method");
    require(work, method == CODEBOOK ? precision == 0 : precision >= 9 && precision <= 16, "parameters");
    require(work, method == STREAMS ? bits == 0 : bits >= BITS_LOW, "parameters");
    require(work, bits <= (method == CODEBOOK ? CODEBOOK_HIGH : BITS_HIGH), "parameters");
    trace_header(work, reader->version, header);
    if (reader->coding != NULL) {
        const struct header *own = &reader->coding->header;
        require(work, method == own->method && bits == own->bits && precision == own->precision
                          && memcmp(header->fingerprint, own->fingerprint, FINGERPRINT) == 0, "model");
    }
}

/* K-10: adds the text of a window to that of its block, as long as there is room in it. */
static void decode_block_window(struct reader *reader, wide code, size_t room) {
    const struct coding *coding = reader->coding;
    require(reader->work, !wide_is_zero(code), "payload");
    size_t before = reader->text.size;
    if (coding->book != NULL) {
        decode_id(reader->work, coding->book, code.limb[0], &reader->text);
    } else {
        decode_window(coding->session, coding->header.bits, code, room, 0, NULL);
        bytes_add(reader->work, &reader->text, coding->session->seen.data, coding->session->seen.size);
    }
    require(reader->work, reader->text.size - before <= room, "payload");
}

/* K-9, K-10: the text of a block of length bytes. */
static void decode_payload(struct reader *reader, const struct bytes *payload, size_t length) {
    const struct coding *coding = reader->coding;
    unsigned bits = coding->header.bits;
    if (coding->header.method == STREAMS) {
        decode_stream(coding->session, payload, length, NULL);
        bytes_add(reader->work, &reader->text, coding->session->seen.data, length);
        return;
    }
    size_t at = 0, size = 8 * payload->size, end = reader->text.size + length;
    for (; at + bits <= size; at += bits)
        decode_block_window(reader, bits_get(payload, at, bits), end - reader->text.size);
    bool filled = size - at < 8 && wide_is_zero(bits_get(payload, at, (unsigned)(size - at)));
    require(reader->work, filled && reader->text.size == end, "payload");
}

/* The text of a block that is whole, and what it adds to what is told of the file (K-15). */
static void take_text(struct reader *reader, const struct block *block, bool stored) {
    if (block->length == 0)
        return;
    if (reader->coding != NULL && stored)
        bytes_add(reader->work, &reader->text, block->payload.data, block->length);
    else if (reader->coding != NULL)
        decode_payload(reader, &block->payload, block->length);
    reader->length += block->length;
    reader->blocks++;
    reader->stored += stored;
}

/* K-11: the CRC-32 of the whole text stands at a place, and nothing comes after the file. */
static void read_end(const struct reader *reader, size_t at) {
    struct work *work = reader->work;
    if (reader->coding != NULL)
        require(work, number_at(reader, at, SUM_SIZE) == crc32(reader->text.data, reader->text.size), "text");
    require(work, reader->at == reader->file.size, "trailing");
}

/* Takes the payload of a block, of so many bytes, and goes on behind it. */
static void take_payload(struct reader *reader, struct block *block, size_t size) {
    block->payload = (struct bytes){.data = reader->file.data + reader->at, .size = size};
    reader->at += size;
}

/* K-7, K-8: reads a block; true if it was the last. */
static bool read_block(struct reader *reader) {
    struct work *work = reader->work;
    size_t start = reader->at;
    require_bytes(reader, 7);
    size_t marker = (size_t)number_at(reader, start, 1), size = (size_t)number_at(reader, start + 4, 3);
    struct block block = {.length = (size_t)number_at(reader, start + 1, 3), .last = marker == 1};
    require(work, marker <= 1, "block");
    require(work, block.length <= BLOCK_LIMIT, "block");
    require(work, block.length > 0 || block.last, "block");
    require(work, size <= block.length, "block");
    reader->at += 7;
    require_bytes(reader, size + (block.last ? 2 : 1) * SUM_SIZE);
    take_payload(reader, &block, size);
    size_t text_sum = reader->at;
    if (block.last)
        reader->at += SUM_SIZE;
    require_sum(reader, start - SUM_SIZE, reader->at, "checksum");
    reader->at += SUM_SIZE;
    trace_block(work, &block);
    take_text(reader, &block, size == block.length); /* K-16 */
    if (block.last)
        read_end(reader, text_sum);
    return block.last;
}

/* K-18, K-19: the same of version 1, where the end block is the last. */
static bool read_block_1(struct reader *reader) {
    struct work *work = reader->work;
    size_t start = reader->at;
    require_bytes(reader, 8);
    size_t length = (size_t)number_at(reader, start, 4), size = (size_t)number_at(reader, start + 4, 4);
    struct block block = {.length = length, .last = length == 0};
    require(work, length <= BLOCK_LIMIT && (block.last ? size == END_SIZE_1 : size <= 16 * length), "block");
    reader->at += 8;
    require_bytes(reader, size + SUM_SIZE);
    take_payload(reader, &block, size);
    require_sum(reader, start, reader->at, "checksum");
    reader->at += SUM_SIZE;
    trace_block(work, &block);
    take_text(reader, &block, false);
    if (block.last) {
        require(work, number_at(reader, start + 8, 8) == reader->length, "length");
        read_end(reader, start + 16);
    }
    return block.last;
}

static struct reader *read_container(struct work *work, const struct json *request, const struct coding *coding) {
    struct reader *reader = arena_take(work, 1, sizeof *reader);
    *reader = (struct reader){.work = work, .coding = coding, .file = read_bytes(work, json_find(request, "file"))};
    read_header(reader);
    while (!(reader->version == 1 ? read_block_1(reader) : read_block(reader)))
        continue;
    return reader;
}

static void op_container_decode(struct work *work, const struct json *request) {
    const struct reader *reader = read_container(work, request, read_coding(work, request));
    answer_bytes(work, "text", &reader->text);
}

/* K-15 */
static void op_container_info(struct work *work, const struct json *request) {
    const struct reader *reader = read_container(work, request, NULL);
    answer_integer(work, "version", reader->version);
    answer_integer(work, "method", reader->header.method);
    answer_integer(work, "bits", reader->header.bits);
    answer_integer(work, "precision", reader->header.precision);
    put_bytes(work, answer_field(work, "fingerprint"), reader->header.fingerprint, FINGERPRINT);
    answer_integer(work, "length", reader->length);
    answer_integer(work, "blocks", reader->blocks);
    answer_integer(work, "stored", reader->stored);
}

/* ==== Conformance ================================================================================================= */

static const struct operation {
    const char *name;
    void (*run)(struct work *work, const struct json *request);
} operations[] = {
    {"frequencies", op_frequencies},
    {"stream.encode", op_stream_encode},
    {"stream.decode", op_stream_decode},
    {"windows.encode", op_windows_encode},
    {"windows.decode", op_windows_decode},
    {"tokens.cut", op_tokens_cut},
    {"tokens.join", op_tokens_join},
    {"transformer.logits", op_transformer_logits},
    {"transformer.fingerprint", op_transformer_fingerprint},
    {"codebook.compile", op_codebook_compile},
    {"codebook.encode", op_codebook_encode},
    {"codebook.decode", op_codebook_decode},
    {"codebook.fingerprint", op_codebook_fingerprint},
    {"container.encode", op_container_encode},
    {"container.decode", op_container_decode},
    {"container.info", op_container_info},
};

static const struct operation *find_operation(const struct json *request) {
    const struct json *name = json_find(request, "op");
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (name != NULL && name->kind == JSON_STRING && strcmp(name->string, operations[i].name) == 0)
            return &operations[i];
    return NULL;
}

/* Runs an operation; where the input is refused, its cause is all of the answer (C-7). */
static void run_operation(struct work *work, const struct operation *operation, const struct json *request) {
    if (setjmp(work->refused) == 0) {
        operation->run(work, request);
    } else {
        work->answer.size = 0;
        bytes_print(work, &work->answer, ", \"refused\": \"%s\"", work->cause);
    }
}

/* P-1 to P-5: answers the request of a line. */
static void answer_line(struct work *work, char *line) {
    const struct json *request = json_read(work, line);
    const struct operation *operation = find_operation(request);
    const struct json *trace = json_find(request, "trace");
    work->answer = work->steps = (struct bytes){0};
    work->trace = trace != NULL && trace->is_true ? &work->steps : NULL;
    if (operation != NULL)
        run_operation(work, operation, request);
    else
        put_text(work, &work->answer, ", \"unsupported\": true");
    if (work->trace != NULL) {
        struct bytes *out = answer_field(work, "trace");
        put_text(work, out, "[");
        bytes_add(work, out, work->steps.data, work->steps.size);
        put_text(work, out, "]");
    }
    printf("{\"id\": %" PRId64, json_integer(request, "id"));
    fwrite(work->answer.data, 1, work->answer.size, stdout);
    fputs("}\n", stdout);
    fflush(stdout);
    arena_reset(work);
}

/* Reads a line of any length, without its end; NULL at the end of the input. */
static char *read_line(char **line, size_t *capacity) {
    size_t size = 0;
    int c;
    do {
        c = getchar();
        if (size == *capacity) {
            *capacity = 2 * *capacity + 4096;
            *line = realloc(*line, *capacity);
            if (*line == NULL)
                fail("out of memory");
        }
        (*line)[size++] = (char)c;
    } while (c != EOF && c != '\n');
    (*line)[size - 1] = '\0';
    return c == EOF && size == 1 ? NULL : *line;
}

int main(void) {
    struct work work = {0};
    char *line = NULL;
    size_t capacity = 0;
    while (read_line(&line, &capacity) != NULL)
        answer_line(&work, line);
    free(line);
    free(work.chunks);
    return EXIT_SUCCESS;
}
