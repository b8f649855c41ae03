#define _GNU_SOURCE
#include "tapio_curl.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/// libcurl wakes up by itself for its own times, and tapio_curl_cancel wakes it: nothing else is to be looked for.
#define LONGEST_POLL_MS 60000
/// Of an answer's head.
#define MOST_HEAD_BYTES 65536

struct tapio_curl {
	CURL *easy;
	CURLM *multi;
	struct curl_slist *headers;
	unsigned int peer_timeout_ms;
	/// The request's body.
	tapio_curl_source source;
	void *source_context;
	int64_t body_offset;
	int64_t body_size;
	/// The answer's head; room for MOST_HEAD_BYTES, made when the first line comes.
	char *head;
	size_t head_count;
	/// Set once, by any thread; the wake-up of the multi handle follows it.
	atomic_bool cancelled;
};

/// What the callback of one transfer needs.
struct transfer {
	struct tapio_curl *client;
	tapio_curl_body body;
	void *context;
};

static CURLcode global_result;

static void initialize_globally(void)
{
	global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct tapio_curl *tapio_curl_create(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, initialize_globally);
	struct tapio_curl *client = calloc(1, sizeof *client);
	if (!client)
		return NULL;
	client->easy = global_result == CURLE_OK ? curl_easy_init() : NULL;
	client->multi = client->easy ? curl_multi_init() : NULL;
	if (!client->multi) {
		curl_easy_cleanup(client->easy);
		free(client);
		return NULL;
	}
	return client;
}

void tapio_curl_destroy(struct tapio_curl *client)
{
	curl_easy_cleanup(client->easy);
	curl_multi_cleanup(client->multi);
	curl_slist_free_all(client->headers);
	free(client->head);
	free(client);
}

void tapio_curl_reset(struct tapio_curl *client)
{
	curl_easy_reset(client->easy);
	curl_slist_free_all(client->headers);
	client->headers = NULL;
	client->peer_timeout_ms = 0;
	client->source = NULL;
	client->head_count = 0;
	// Signals are the process's.
	curl_easy_setopt(client->easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	// A name that is being resolved must not hold up the end, and a CA that was replaced counts at once.
	curl_easy_setopt(client->easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(client->easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
}

CURLcode tapio_curl_set_text(struct tapio_curl *client, CURLoption option, const char *text)
{
	return curl_easy_setopt(client->easy, option, text);
}

CURLcode tapio_curl_set_bytes(struct tapio_curl *client, CURLoption option, const void *bytes, size_t count)
{
	// libcurl copies them, though it takes no const.
	struct curl_blob blob = {.data = (void *)bytes, .len = count, .flags = CURL_BLOB_COPY};
	return curl_easy_setopt(client->easy, option, &blob);
}

CURLcode tapio_curl_set_number(struct tapio_curl *client, CURLoption option, long number)
{
	return curl_easy_setopt(client->easy, option, number);
}

CURLcode tapio_curl_add_header(struct tapio_curl *client, const char *line)
{
	struct curl_slist *longer = curl_slist_append(client->headers, line);
	if (!longer)
		return CURLE_OUT_OF_MEMORY;
	client->headers = longer;
	return CURLE_OK;
}

static int set_peer_timeout(void *context, curl_socket_t socket, curlsocktype purpose)
{
	const struct tapio_curl *client = context;
	// Not for every kind of socket: where it can't be set, the transfer's own limits are what is left.
	if (purpose == CURLSOCKTYPE_IPCXN && client->peer_timeout_ms > 0)
		setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &client->peer_timeout_ms,
		           sizeof client->peer_timeout_ms);
	return CURL_SOCKOPT_OK;
}

CURLcode tapio_curl_set_peer_timeout(struct tapio_curl *client, unsigned int milliseconds)
{
	client->peer_timeout_ms = milliseconds;
	CURLcode code = curl_easy_setopt(client->easy, CURLOPT_SOCKOPTDATA, client);
	return code ? code : curl_easy_setopt(client->easy, CURLOPT_SOCKOPTFUNCTION, set_peer_timeout);
}

static size_t send_body(char *bytes, size_t size, size_t count, void *context)
{
	struct tapio_curl *client = context;
	const int64_t left = client->body_size - client->body_offset;
	const size_t room = left < (int64_t)(size * count) ? (size_t)left : size * count;
	if (room == 0)
		return 0;
	const size_t given = client->source(client->source_context, client->body_offset, (uint8_t *)bytes, room);
	if (given != room)
		return CURL_READFUNC_ABORT;
	client->body_offset += (int64_t)given;
	return given;
}

static int seek_body(void *context, curl_off_t offset, int origin)
{
	struct tapio_curl *client = context;
	if (origin != SEEK_SET || offset < 0 || offset > client->body_size)
		return CURL_SEEKFUNC_FAIL;
	client->body_offset = offset;
	return CURL_SEEKFUNC_OK;
}

CURLcode tapio_curl_set_body(struct tapio_curl *client, const char *method, int64_t size, tapio_curl_source source,
                             void *context)
{
	client->source = source;
	client->source_context = context;
	client->body_offset = 0;
	client->body_size = size;
	CURLcode code = curl_easy_setopt(client->easy, CURLOPT_UPLOAD, 1L);
	if (!code)
		code = curl_easy_setopt(client->easy, CURLOPT_CUSTOMREQUEST, method);
	if (!code)
		code = curl_easy_setopt(client->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
	if (!code)
		code = curl_easy_setopt(client->easy, CURLOPT_READFUNCTION, send_body);
	if (!code)
		code = curl_easy_setopt(client->easy, CURLOPT_READDATA, client);
	if (!code)
		code = curl_easy_setopt(client->easy, CURLOPT_SEEKFUNCTION, seek_body);
	return code ? code : curl_easy_setopt(client->easy, CURLOPT_SEEKDATA, client);
}

static size_t receive(char *bytes, size_t size, size_t count, void *context)
{
	const struct transfer *transfer = context;
	long status = 0;
	curl_easy_getinfo(transfer->client->easy, CURLINFO_RESPONSE_CODE, &status);
	size_t total = size * count;
	if (total == 0)
		return 0;
	// Any other number than the whole is an error to libcurl.
	return transfer->body(transfer->context, status, (const uint8_t *)bytes, total) ? total : 0;
}

/// Keeps a line of the head, of the last answer alone: a status line begins another.
static void keep_line(struct tapio_curl *client, const char *line, size_t count)
{
	if (count >= 5 && memcmp(line, "HTTP/", 5) == 0)
		client->head_count = 0;
	if (!client->head)
		client->head = malloc(MOST_HEAD_BYTES);
	if (!client->head || count > MOST_HEAD_BYTES - client->head_count)
		return;
	memcpy(client->head + client->head_count, line, count);
	client->head_count += count;
}

const char *tapio_curl_head(const struct tapio_curl *client, size_t *count)
{
	*count = client->head_count;
	return client->head_count > 0 ? client->head : NULL;
}

/// Tells that the head of an answer is complete: a stream can be silent for long after it.
static size_t receive_head(char *line, size_t size, size_t count, void *context)
{
	const struct transfer *transfer = context;
	size_t total = size * count;
	long status = 0;
	keep_line(transfer->client, line, total);
	curl_easy_getinfo(transfer->client->easy, CURLINFO_RESPONSE_CODE, &status);
	// An empty line ends it. 1xx is not yet the answer.
	if (total == 0 || (line[0] != '\r' && line[0] != '\n') || status < 200)
		return total;
	return transfer->body(transfer->context, status, NULL, 0) ? total : 0;
}

/// Runs the multi handle until its one transfer has ended.
static CURLcode drive(struct tapio_curl *client)
{
	for (;;) {
		// Pairs with the exchange in tapio_curl_cancel; a wake-up that comes after it ends the next poll.
		if (atomic_load(&client->cancelled))
			return CURLE_ABORTED_BY_CALLBACK;
		int running = 0;
		if (curl_multi_perform(client->multi, &running) != CURLM_OK)
			return CURLE_FAILED_INIT;
		int left = 0;
		for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left));)
			if (message->msg == CURLMSG_DONE)
				return message->data.result;
		if (running == 0 || curl_multi_poll(client->multi, NULL, 0, LONGEST_POLL_MS, NULL) != CURLM_OK)
			return CURLE_FAILED_INIT;
	}
}

void tapio_curl_run(struct tapio_curl *client, tapio_curl_body body, void *context, struct tapio_curl_result *result)
{
	*result = (struct tapio_curl_result){};
	struct transfer transfer = {.client = client, .body = body, .context = context};
	curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, client->headers);
	curl_easy_setopt(client->easy, CURLOPT_ERRORBUFFER, result->message);
	curl_easy_setopt(client->easy, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(client->easy, CURLOPT_WRITEDATA, &transfer);
	curl_easy_setopt(client->easy, CURLOPT_HEADERFUNCTION, receive_head);
	curl_easy_setopt(client->easy, CURLOPT_HEADERDATA, &transfer);
	// A proxy's answer is not the server's.
	curl_easy_setopt(client->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (curl_multi_add_handle(client->multi, client->easy) != CURLM_OK) {
		result->code = CURLE_FAILED_INIT;
	} else {
		result->code = drive(client);
		curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &result->status);
		curl_off_t seconds = 0;
		if (curl_easy_getinfo(client->easy, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK)
			result->retry_after_seconds = seconds;
		curl_multi_remove_handle(client->multi, client->easy);
	}
	// They point to this call's frame.
	curl_easy_setopt(client->easy, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(client->easy, CURLOPT_WRITEDATA, NULL);
	curl_easy_setopt(client->easy, CURLOPT_HEADERDATA, NULL);
}

static int64_t now_ms(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

bool tapio_curl_wait(struct tapio_curl *client, unsigned int milliseconds)
{
	const int64_t end = now_ms() + milliseconds;
	for (int64_t left; !atomic_load(&client->cancelled) && (left = end - now_ms()) > 0;)
		if (curl_multi_poll(client->multi, NULL, 0, left < LONGEST_POLL_MS ? (int)left : LONGEST_POLL_MS,
		                    NULL) != CURLM_OK)
			break;
	return !atomic_load(&client->cancelled);
}

void tapio_curl_cancel(struct tapio_curl *client)
{
	if (!atomic_exchange(&client->cancelled, true))
		curl_multi_wakeup(client->multi);
}
