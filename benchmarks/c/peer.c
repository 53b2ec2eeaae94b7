/* What libnats does in the benchmarks: `peer MODE URL`, the token in PEER_TOKEN.
 *
 * publish FILE  JetStream's asynchronous publish, a window of 4000, every acknowledgement awaited
 * replay COUNT  a pull consumer, two requests of 1,000 in flight, as Anabranch reads
 *
 * FILE holds, for each message, the subject, the id and the document, each as a line before them of
 * its length. Messages are made before the clock starts. The seconds go to stdout. */

#include <nats/nats.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WINDOW = 4000, REQUEST = 1000, PATIENCE_S = 30 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int64_t received, refused;

static void check(natsStatus status, const char *what) {
    if (status != NATS_OK) {
        fprintf(stderr, "%s: %s\n", what, natsStatus_GetText(status));
        exit(1);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Wait, under the lock, for a change. */
static void await_change(void) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    if (pthread_cond_timedwait(&changed, &lock, &until) != 0 || refused > 0) {
        fprintf(stderr, "no answer, or %lld refusals\n", (long long)refused);
        exit(1);
    }
}

/* Return the next piece of the file, terminated, and its length; NULL at the end. */
static char *piece(FILE *file, int *length) {
    if (fscanf(file, "%d", length) != 1) return NULL;
    fgetc(file);
    char *text = malloc((size_t)*length + 1);
    if (text == NULL || fread(text, 1, (size_t)*length, file) != (size_t)*length) exit(1);
    text[*length] = '\0';
    return text;
}

/* Return the file's messages. */
static natsMsg **messages(const char *path, int *count) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) exit(1);
    int room = 1024, length;
    natsMsg **made = malloc((size_t)room * sizeof *made);
    char *subject;
    for (*count = 0; (subject = piece(file, &length)) != NULL; ++*count) {
        if (*count == room) made = realloc(made, (size_t)(room *= 2) * sizeof *made);
        char *id = piece(file, &length), *document = piece(file, &length);
        check(natsMsg_Create(&made[*count], subject, NULL, document, length), "message");
        check(natsMsgHeader_Set(made[*count], "Nats-Msg-Id", id), "header");
        check(natsMsgHeader_Set(made[*count], "Content-Type", "application/cloudevents+json"), "header");
        free(subject), free(id), free(document);
    }
    fclose(file);
    return made;
}

static void on_refusal(jsCtx *js, jsPubAckErr *error, void *closure) {
    (void)js, (void)error, (void)closure;
    __atomic_add_fetch(&refused, 1, __ATOMIC_SEQ_CST);
}

static double publish(natsConnection *nc, const char *path) {
    jsOptions options;
    jsCtx *js = NULL;
    check(jsOptions_Init(&options), "options");
    options.PublishAsync.MaxPending = WINDOW;
    options.PublishAsync.StallWait = PATIENCE_S * 1000;
    options.PublishAsync.ErrHandler = on_refusal;
    check(natsConnection_JetStream(&js, nc, &options), "JetStream");
    int count;
    natsMsg **made = messages(path, &count);
    double began = now();
    for (int i = 0; i < count; ++i) check(js_PublishMsgAsync(js, &made[i], NULL), "publish");
    check(js_PublishAsyncComplete(js, NULL), "complete");
    double seconds = now() - began;
    if (refused > 0) exit(1);
    return seconds;
}

static void on_record(natsConnection *nc, natsSubscription *sub, natsMsg *message, void *closure) {
    (void)nc, (void)sub;
    int64_t wanted = *(int64_t *)closure;
    if (natsMsg_GetReply(message) != NULL) {
        int64_t have = __atomic_add_fetch(&received, 1, __ATOMIC_SEQ_CST);
        if (have % REQUEST == 0 || have == wanted) {
            pthread_mutex_lock(&lock);
            pthread_cond_signal(&changed);
            pthread_mutex_unlock(&lock);
        }
    }
    natsMsg_Destroy(message);
}

static double replay(natsConnection *nc, int64_t count) {
    jsCtx *js = NULL;
    jsConsumerConfig config;
    jsConsumerInfo *info = NULL;
    natsInbox *inbox = NULL;
    natsSubscription *sub = NULL;
    char next[256], name[64], request[128];
    check(natsConnection_JetStream(&js, nc, NULL), "JetStream");
    check(natsInbox_Create(&inbox), "inbox");
    check(natsConnection_Subscribe(&sub, nc, inbox, on_record, &count), "subscribe");
    check(natsSubscription_SetPendingLimits(sub, -1, -1), "limits");
    snprintf(name, sizeof name, "peer-%llx", (unsigned long long)(now() * 1e9));
    snprintf(next, sizeof next, "$JS.API.CONSUMER.MSG.NEXT.ANABRANCH_EVENTS.%s", name);
    snprintf(request, sizeof request, "{\"batch\":%d,\"expires\":30000000000}", REQUEST);
    double began = now();
    check(jsConsumerConfig_Init(&config), "config");
    config.Name = name;
    config.AckPolicy = js_AckNone;
    config.MemoryStorage = true;
    config.InactiveThreshold = 60 * 1000000000LL;
    check(js_AddConsumer(&info, js, "ANABRANCH_EVENTS", &config, NULL, NULL), "consumer");
    int64_t asked = 0;
    for (;;) {
        int64_t have = __atomic_load_n(&received, __ATOMIC_SEQ_CST);
        if (have >= count) break;
        if (asked - have <= REQUEST && asked < count) {
            check(natsConnection_PublishRequestString(nc, next, inbox, request), "request");
            asked += REQUEST;
            continue;
        }
        pthread_mutex_lock(&lock);
        if (__atomic_load_n(&received, __ATOMIC_SEQ_CST) == have) await_change();
        pthread_mutex_unlock(&lock);
    }
    double seconds = now() - began;
    js_DeleteConsumer(js, "ANABRANCH_EVENTS", name, NULL, NULL);
    return seconds;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    natsOptions *options = NULL;
    natsConnection *nc = NULL;
    check(natsOptions_Create(&options), "options");
    check(natsOptions_SetURL(options, argv[2]), "url");
    if (getenv("PEER_TOKEN") != NULL) check(natsOptions_SetToken(options, getenv("PEER_TOKEN")), "token");
    check(natsConnection_Connect(&nc, options), "connect");
    double seconds =
        strcmp(argv[1], "publish") == 0 ? publish(nc, argv[3]) : replay(nc, atoll(argv[3]));
    printf("%.9f\n", seconds);
    return 0;
}
