// libcurl for one request after another, on one thread, that any other thread can end at once. libcurl's setters are
// variadic, which Swift cannot call, and a transfer that can be woken needs its "multi" interface.
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Keeps connections open from one request to the next. All calls come from one thread at a time, except
/// tapio_curl_cancel.
struct tapio_curl;

/// NULL where memory is short.
struct tapio_curl *tapio_curl_create(void);

/// Closes its connections. No other call may be under way, nor follow.
void tapio_curl_destroy(struct tapio_curl *client);

/// Forgets what was set for the last request. Connections stay.
void tapio_curl_reset(struct tapio_curl *client);

// Options for the next request, a GET unless said otherwise. Each gives a CURLcode. Texts are copied.

CURLcode tapio_curl_set_text(struct tapio_curl *client, CURLoption option, const char *text);
/// Sets what else would be the name of a file: its bytes.
CURLcode tapio_curl_set_bytes(struct tapio_curl *client, CURLoption option, const void *bytes, size_t count);
CURLcode tapio_curl_set_number(struct tapio_curl *client, CURLoption option, long number);
/// Adds a line ("Name: value") to the request's head.
CURLcode tapio_curl_add_header(struct tapio_curl *client, const char *line);
/// The connection counts as lost when the other side has not acknowledged anything for so long, probes included.
CURLcode tapio_curl_set_peer_timeout(struct tapio_curl *client, unsigned int milliseconds);

/// Fills `bytes` with what the request's body has from `offset` on: `room` bytes, or what is left of it. Another number
/// than that ends the transfer with CURLE_ABORTED_BY_CALLBACK.
typedef size_t (*tapio_curl_source)(void *context, int64_t offset, uint8_t *bytes, size_t room);
/// The next request is a `method` (PUT, POST, …) with a body of `size` bytes, which may be none. It is asked for the
/// same bytes again where they must be sent again. `source` is called by tapio_curl_run, on its thread.
CURLcode tapio_curl_set_body(struct tapio_curl *client, const char *method, int64_t size, tapio_curl_source source,
                             void *context);

/// Gets the next bytes of an answer of this status; none, and NULL, when its head is complete. False ends the transfer
/// with CURLE_WRITE_ERROR.
typedef bool (*tapio_curl_body)(void *context, long status, const uint8_t *bytes, size_t count);

struct tapio_curl_result {
	/// CURLE_OK also for an HTTP status that is an error, CURLE_ABORTED_BY_CALLBACK after tapio_curl_cancel.
	CURLcode code;
	/// 0 where there was no answer.
	long status;
	/// What the answer's Retry-After asks for; 0 without.
	int64_t retry_after_seconds;
	/// What libcurl says about an error; may be empty.
	char message[CURL_ERROR_SIZE];
};

/// Does the request. `body` is called on this thread.
void tapio_curl_run(struct tapio_curl *client, tapio_curl_body body, void *context, struct tapio_curl_result *result);

/// The head of the last answer, as lines that each end in a newline; NULL and 0 without. Only its first 64 KiB are
/// kept. Valid until the next call.
const char *tapio_curl_head(const struct tapio_curl *client, size_t *count);

/// Waits; false once it was cancelled.
bool tapio_curl_wait(struct tapio_curl *client, unsigned int milliseconds);

/// Ends what runs and waits, now and for ever after. From any thread.
void tapio_curl_cancel(struct tapio_curl *client);
