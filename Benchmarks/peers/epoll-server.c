// An upper limit, not a service: an epoll loop that splits the frames of the NestJS TCP wire and answers each with a
// canned reply that carries the caller's id. It parses no JSON. Its rate is the most that this machine allows, kernel
// included.
// usage: epoll-server PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 1 << 18, EVENTS = 64 };

static const char reply_head[] =
    "{\"response\":{\"id\":1,\"status\":\"confirmed\",\"petName\":\"Zofie\",\"vendorId\":7,"
    "\"startsAt\":\"2026-01-01T10:00:00.000Z\",\"total\":42.5,\"notes\":null},\"isDisposed\":true,\"id\":\"";

struct connection {
    int socket;
    size_t filled;
    char bytes[ROOM];
};

static char out[ROOM * 4];

static void leave(struct connection *connection) {
    close(connection->socket);
    free(connection);
}

// The id of a request ends its body: ..."id":"<id>"}
static size_t answer(const char *body, size_t length, char *to) {
    size_t end = length - 2, start = end;
    while (start > 0 && body[start - 1] != '"') start--;
    size_t id = end - start, head = sizeof reply_head - 1;
    int prefix = sprintf(to, "%zu#", head + id + 2);
    memcpy(to + prefix, reply_head, head);
    memcpy(to + prefix + head, body + start, id);
    memcpy(to + prefix + head + id, "\"}", 2);
    return prefix + head + id + 2;
}

static int serve(struct connection *connection) {
    ssize_t count = read(connection->socket, connection->bytes + connection->filled, ROOM - connection->filled);
    if (count <= 0) return -1;
    connection->filled += count;
    size_t at = 0, written = 0;
    for (;;) {
        size_t length = 0, digit = at;
        while (digit < connection->filled && connection->bytes[digit] != '#')
            length = length * 10 + (connection->bytes[digit++] - '0');
        if (digit >= connection->filled || connection->filled - digit - 1 < length || length < 4) break;
        if (written > sizeof out - 1024) break;
        written += answer(connection->bytes + digit + 1, length, out + written);
        at = digit + 1 + length;
    }
    memmove(connection->bytes, connection->bytes + at, connection->filled - at);
    connection->filled -= at;
    for (size_t sent = 0; sent < written;) {
        ssize_t part = write(connection->socket, out + sent, written - sent);
        if (part <= 0) return -1;
        sent += part;
    }
    return 0;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: epoll-server PORT\n");
        return 2;
    }
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), events = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128)) {
        perror("epoll-server");
        return 1;
    }
    epoll_ctl(events, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.ptr = NULL});
    for (;;) {
        struct epoll_event ready[EVENTS];
        int count = epoll_wait(events, ready, EVENTS, -1);
        for (int at = 0; at < count; at++) {
            struct connection *connection = ready[at].data.ptr;
            if (connection) {
                if (serve(connection)) leave(connection);
                continue;
            }
            connection = calloc(1, sizeof *connection);
            if (!connection) return 1;
            connection->socket = accept(listener, NULL, NULL);
            setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            epoll_ctl(events, EPOLL_CTL_ADD, connection->socket,
                      &(struct epoll_event){.events = EPOLLIN, .data.ptr = connection});
        }
    }
}
