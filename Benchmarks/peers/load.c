// A load on a service of the NestJS TCP wire that costs as little as possible: one thread, one epoll loop, canned
// requests. It only counts the frames of replies. It measures rates, not latencies; `rookery bench` measures both. With
// a serializer it first sends a hello and then binary frames, as in docs/wire.md.
// usage: load PORT CONNECTIONS IN_FLIGHT SECONDS [json|messagepack]
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 18, MOST = 64 };

static const char text_request[] = "58#{\"pattern\":{\"cmd\":\"get-booking\"},\"data\":{\"id\":1},\"id\":\"1\"}";
static char request[128];
static size_t request_size;
static int binary;

struct connection {
    int socket;
    size_t skip;      // bytes of the current reply still to come
    size_t length;    // value of the length's digits read so far
    size_t headed;    // bytes of a binary header read so far
    unsigned char header[24];
};

static char *burst;
static char in[ROOM];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

// Skips the bytes of a reply that have arrived and returns their number. Counts the reply when it has ended.
static size_t skip(struct connection *connection, size_t count, size_t *ended) {
    size_t part = connection->skip < count ? connection->skip : count;
    connection->skip -= part;
    if (!connection->skip) ++*ended;
    return part;
}

static size_t binary_replies(struct connection *connection, const char *bytes, size_t count) {
    size_t ended = 0;
    for (size_t at = 0; at < count;) {
        if (connection->skip) {
            at += skip(connection, count - at, &ended);
            continue;
        }
        size_t part = 24 - connection->headed < count - at ? 24 - connection->headed : count - at;
        memcpy(connection->header + connection->headed, bytes + at, part);
        connection->headed += part;
        at += part;
        if (connection->headed < 24) break;
        connection->headed = 0;
        uint32_t length;
        memcpy(&length, connection->header + 8, 4);
        if (connection->header[0] != 0x83 || !length) {
            fprintf(stderr, "load: the service does not answer with a value\n");
            exit(1);
        }
        connection->skip = length;
    }
    return ended;
}

// Returns how many replies ended in these bytes. Text replies are ASCII, so their length is a number of bytes.
static size_t replies(struct connection *connection, const char *bytes, size_t count) {
    if (binary) return binary_replies(connection, bytes, count);
    size_t ended = 0;
    for (size_t at = 0; at < count;) {
        if (connection->skip) {
            at += skip(connection, count - at, &ended);
        } else if (bytes[at] == '#') {
            connection->skip = connection->length;
            connection->length = 0;
            at++;
            if (at + 10 <= count && memcmp(bytes + at, "{\"response", 10)) {
                fprintf(stderr, "load: the service does not answer with a response\n");
                exit(1);
            }
        } else {
            connection->length = connection->length * 10 + (bytes[at++] - '0');
        }
    }
    return ended;
}

// Negotiates binary frames with one serializer, finds the number of the pattern in the answer, and builds the request.
static void say_hello(int socket, const char *serializer) {
    static char answer[1 << 20];
    char body[256];
    int length = sprintf(body,
                         "{\"pattern\":\"$rookery.hello\",\"data\":{\"version\":1,\"features\":[],\"serializers\":[\"%s\"],"
                         "\"compressions\":[]},\"id\":\"0\"}",
                         serializer);
    char frame[300];
    int size = sprintf(frame, "%d#%s", length, body);
    if (write(socket, frame, size) != size) exit(1);
    size_t filled = 0;
    char *end = NULL;
    while (filled < sizeof answer - 1 && !end) {
        ssize_t count = read(socket, answer + filled, sizeof answer - 1 - filled);
        if (count <= 0) exit(1);
        filled += count;
        answer[filled] = 0;
        end = strstr(answer, "\"isDisposed\"");
        if (!end) end = strstr(answer, "\"err\"");
    }
    char *patterns = strstr(answer, "\"patterns\":["), *wanted = strstr(answer, "{\\\"cmd\\\":\\\"get-booking\\\"}");
    if (!patterns || !wanted) {
        fprintf(stderr, "load: the service does not agree on binary frames\n");
        exit(1);
    }
    uint16_t number = 0;
    // Counts the patterns before it: each ends with a quote and a comma, and none holds the two in a row.
    for (char *at = patterns; at + 1 < wanted; at++) number += at[0] == '"' && at[1] == ',';
    const char *payload = strcmp(serializer, "json") ? "\x81\xa2id\x01" : "{\"id\":1}";
    uint32_t payload_size = strlen(payload);
    uint64_t id = 1;
    memset(request, 0, sizeof request);
    request[0] = (char)0x81;
    memcpy(request + 4, &number, 2);
    memcpy(request + 8, &payload_size, 4);
    memcpy(request + 16, &id, 8);
    memcpy(request + 24, payload, payload_size);
    request_size = 24 + payload_size;
}

static void send_requests(int socket, size_t count) {
    size_t size = count * request_size;
    for (size_t sent = 0; sent < size;) {
        ssize_t part = write(socket, burst + sent, size - sent);
        if (part <= 0) {
            perror("load: write");
            exit(1);
        }
        sent += part;
    }
}

int main(int count, char **arguments) {
    if (count != 5 && count != 6) {
        fprintf(stderr, "usage: load PORT CONNECTIONS IN_FLIGHT SECONDS [json|messagepack]\n");
        return 2;
    }
    int connections = atoi(arguments[2]), in_flight = atoi(arguments[3]);
    double seconds = atof(arguments[4]);
    if (connections < 1 || connections > MOST || in_flight < 1 || in_flight > 4096) {
        fprintf(stderr, "load: 1 to %d connections, 1 to 4096 in flight\n", MOST);
        return 2;
    }
    binary = count == 6;
    strcpy(request, text_request);
    request_size = strlen(request);
    burst = malloc(in_flight * sizeof request);
    if (!burst) return 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct connection all[MOST] = {0};
    int events = epoll_create1(0), on = 1;
    for (int at = 0; at < connections; at++) {
        all[at].socket = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(all[at].socket, (struct sockaddr *)&address, sizeof address)) {
            perror("load: connect");
            return 3;
        }
        setsockopt(all[at].socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_ctl(events, EPOLL_CTL_ADD, all[at].socket, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &all[at]});
        if (binary) say_hello(all[at].socket, arguments[5]);
        for (int slot = 0; at == 0 && slot < in_flight; slot++)
            memcpy(burst + slot * request_size, request, request_size);
        send_requests(all[at].socket, in_flight);
    }
    double begin = now() + seconds / 5, end = begin + seconds, time = now();
    size_t answered = 0;
    int warm = 0;
    while (time < end) {
        struct epoll_event ready[MOST];
        int some = epoll_wait(events, ready, MOST, 1000);
        for (int at = 0; at < some; at++) {
            struct connection *connection = ready[at].data.ptr;
            ssize_t bytes = read(connection->socket, in, sizeof in);
            if (bytes <= 0) {
                fprintf(stderr, "load: the service closed a connection\n");
                return 1;
            }
            size_t ended = replies(connection, in, bytes);
            answered += ended;
            if (ended) send_requests(connection->socket, ended);
        }
        time = now();
        if (!warm && time >= begin) {
            warm = 1;
            answered = 0;
            begin = time;
        }
    }
    printf("{\"connections\":%d,\"inFlight\":%d,\"rate\":%.0f}\n", connections, in_flight, answered / (time - begin));
    return 0;
}
