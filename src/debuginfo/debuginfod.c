// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libdebuginfod is opened when it is first needed: it brings an HTTP client with it, for
 * one option of few commands, and may be missing.
 * Source of the interface: elfutils' debuginfod/debuginfod.h, the soname's ABI since
 * 0.178.
 */
#include "debuginfo/debuginfod.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT_LIBRARY "libdebuginfod.so.1"

struct client {
	void *library;
	void *(*begin)(void);
	void (*end)(void *client);
	int (*find)(void *client, const unsigned char *build_id, int build_id_size,
		    char **ret_path);
};

static int client_open(struct client *ret, struct err *err)
{
	struct client client = { .library = dlopen(CLIENT_LIBRARY, RTLD_NOW) };

	if (!client.library)
		return err_set(err, ERR_UNSUPPORTED,
			       "debuginfod's client is not installed "
			       "(Debian: libdebuginfod1): %s",
			       dlerror());
	*(void **)&client.begin = dlsym(client.library, "debuginfod_begin");
	*(void **)&client.end = dlsym(client.library, "debuginfod_end");
	*(void **)&client.find = dlsym(client.library, "debuginfod_find_debuginfo");
	if (!client.begin || !client.end || !client.find) {
		dlclose(client.library);
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' is not debuginfod's client as we know it",
			       CLIENT_LIBRARY);
	}
	*ret = client;
	return 0;
}

/* What the client's negative errno means to one who asked for a file. */
static int not_fetched(int r, const char *build_id, const char *urls, struct err *err)
{
	if (r == -ENOENT)
		return err_set(err, ERR_NOTFOUND,
			       "debuginfod at '%.200s' has no debug symbols of build "
			       "id %s",
			       urls, build_id);
	if (r == -ENOSYS)
		return err_set(err, ERR_REFUSED,
			       "DEBUGINFOD_URLS is '%.200s', which names no server",
			       urls);
	return err_os(err, -r, "asking debuginfod at '%.200s' for build id %s", urls,
		      build_id);
}

int debuginfod_fetch(const char *build_id, char ret_path[static PATH_MAX],
		     struct err *err)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	_cleanup_free char *path = NULL;
	struct client client = { 0 };
	void *session;
	int r;

	if (!urls || !urls[0])
		return err_set(err, ERR_REFUSED,
			       "debuginfod can't be asked: DEBUGINFOD_URLS is not set");
	r = client_open(&client, err);
	if (r < 0)
		return r;
	session = client.begin();
	// the library stays: it may have threads of its own that outlive the session
	r = session ? client.find(session, (const unsigned char *)build_id, 0, &path)
		    : -ENOMEM;
	if (session)
		client.end(session);
	if (r < 0)
		return not_fetched(r, build_id, urls, err);
	close(r);
	if (!path || strlen(path) >= PATH_MAX)
		return err_set(err, ERR_LIMIT, "debuginfod's cache has too long a path");
	strcpy(ret_path, path);
	return 0;
}
