/* The least that a client can do: N connections in a closed loop, a stamp for each read, "data:" found, no JSON.
 *
 * reader PORT STREAMS SECONDS REQUESTS BODY_FILE
 *
 * Every connection sends the body, reads the answer and begins again until the time is over or REQUESTS (0: no limit)
 * have begun; then open answers are read to their end. Event 0 is the role, event 1 the first token; the last events
 * of an answer (finish, usage, end mark) come in the same read as the last token and make no gap. Prints one JSON line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tally.h"

enum { EVENTS = 1024, READ = 1 << 16 };

typedef struct {
    int fd, events, busy;
    int64_t sent, read;
    char tail[8]; /* the last bytes of a read, in case a mark is cut in two */
    size_t tail_size;
} Stream;

static Tally ttft, itl;
static char *request;
static size_t request_size;
static uint64_t begun, done, tokens;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static double cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void load_request(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    char *body = malloc(1 << 22);
    size_t size = fread(body, 1, 1 << 22, file);
    fclose(file);
    request = malloc(size + 512);
    request_size = sprintf(request,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        "Accept: text/event-stream\r\nContent-Length: %zu\r\n\r\n", size);
    memcpy(request + request_size, body, size);
    request_size += size;
    free(body);
}

static void begin(Stream *s) {
    s->events = 0;
    s->tail_size = 0;
    s->busy = 1;
    begun++;
    s->sent = now();
    if (send(s->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) fail("reader: cannot send");
}

static int count_events(const char *data, size_t size) {
    int found = 0;
    const char *end = data + size;
    while ((data = memmem(data, end - data, "data:", 5))) found++, data += 5;
    return found;
}

/* Whether the answer has ended. */
static int take(Stream *s, char *data, size_t size, int64_t moment) {
    char *start = data - s->tail_size;
    memcpy(start, s->tail, s->tail_size);
    int found = count_events(start, data + size - start);
    int ended = data + size - start >= 5 && !memcmp(data + size - 5, "0\r\n\r\n", 5);
    s->tail_size = data + size - start < 4 ? data + size - start : 4;
    memcpy(s->tail, data + size - s->tail_size, s->tail_size);
    if (!found) return ended;
    int before = s->events;
    s->events += found;
    if (s->events < 2) return ended;
    int gaps = found - (ended ? 3 : 0);
    if (before < 2) {
        add(&ttft, moment - s->sent);
        tokens++;
        gaps -= 2 - before;
    } else {
        add(&itl, moment - s->read);
        tokens++;
        gaps--;
    }
    for (; gaps > 0; gaps--, tokens++) add(&itl, 1); /* tokens that came in one read */
    s->read = moment;
    return ended;
}

static Stream *connect_all(int poller, int port, int count) {
    Stream *streams = calloc(count, sizeof *streams);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0, on = 1; i < count; i++) {
        streams[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(streams[i].fd, (struct sockaddr *)&address, sizeof address)) fail("reader: cannot connect");
        setsockopt(streams[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = streams + i};
        epoll_ctl(poller, EPOLL_CTL_ADD, streams[i].fd, &event);
    }
    return streams;
}

static void run(int poller, Stream *streams, int count, int64_t end, uint64_t limit) {
    static struct epoll_event events[EVENTS];
    static char room[8 + READ];
    for (int i = 0; i < count && (!limit || begun < limit); i++) begin(streams + i);
    while (done < begun) {
        int ready = epoll_wait(poller, events, EVENTS, 1000);
        for (int i = 0; i < ready; i++) {
            Stream *s = events[i].data.ptr;
            ssize_t size = recv(s->fd, room + 8, READ, MSG_DONTWAIT);
            int64_t moment = now();
            if (size < 0 && errno == EAGAIN) continue;
            if (size <= 0) fail("reader: the server hung up");
            if (!take(s, room + 8, size, moment)) continue;
            done++;
            s->busy = 0;
            if (moment < end && (!limit || begun < limit)) begin(s);
        }
    }
}

int main(int count, char **arguments) {
    if (count != 6) {
        fprintf(stderr, "reader PORT STREAMS SECONDS REQUESTS BODY_FILE\n");
        return 2;
    }
    int streams = atoi(arguments[2]), poller = epoll_create1(EPOLL_CLOEXEC);
    load_request(arguments[5]);
    Stream *all = connect_all(poller, atoi(arguments[1]), streams);
    double before = cpu();
    int64_t start = now();
    run(poller, all, streams, start + (int64_t)(atof(arguments[3]) * 1e9), strtoul(arguments[4], NULL, 10));
    char text[2048];
    int size = tell(text, "ttft", &ttft);
    tell(text + size, "itl", &itl);
    printf("{\"requests\":%lu,\"tokens\":%lu,\"seconds\":%.6f,\"cpu_seconds\":%.6f%s}\n", done, tokens,
           (now() - start) * 1e-9, cpu() - before, text);
    return 0;
}
