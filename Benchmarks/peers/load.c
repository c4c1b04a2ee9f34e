// A load on a service of the NestJS TCP wire that costs as little as can be: one thread, one epoll loop, canned requests,
// replies only counted by their frames. It measures rates, not latencies; `rookery bench` measures both.
// usage: load PORT CONNECTIONS IN_FLIGHT SECONDS
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 18, MOST = 64 };

static const char request[] = "58#{\"pattern\":{\"cmd\":\"get-booking\"},\"data\":{\"id\":1},\"id\":\"1\"}";

struct connection {
    int socket;
    size_t skip;      // bytes of the current reply still to come
    size_t length;    // digits read so far
    char first;       // the reply's first byte is looked at: is it a response?
};

static char *burst;
static char in[ROOM];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

// How many replies ended in these bytes. Replies are ASCII, so that a length is a number of bytes.
static size_t replies(struct connection *connection, const char *bytes, size_t count) {
    size_t ended = 0;
    for (size_t at = 0; at < count;) {
        if (connection->skip) {
            size_t part = connection->skip < count - at ? connection->skip : count - at;
            connection->skip -= part;
            at += part;
            if (!connection->skip) ended++;
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

static void send_requests(int socket, size_t count) {
    size_t size = count * (sizeof request - 1);
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
    if (count != 5) {
        fprintf(stderr, "usage: load PORT CONNECTIONS IN_FLIGHT SECONDS\n");
        return 2;
    }
    int connections = atoi(arguments[2]), in_flight = atoi(arguments[3]);
    double seconds = atof(arguments[4]);
    if (connections < 1 || connections > MOST || in_flight < 1 || in_flight > 4096) {
        fprintf(stderr, "load: 1 to %d connections, 1 to 4096 in flight\n", MOST);
        return 2;
    }
    burst = malloc(in_flight * (sizeof request - 1));
    if (!burst) return 1;
    for (int at = 0; at < in_flight; at++)
        memcpy(burst + at * (sizeof request - 1), request, sizeof request - 1);
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
