/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a page looks, and the little that it does by itself. */
#ifndef EXPLAIN_HTML_STYLE_H
#define EXPLAIN_HTML_STYLE_H

extern const char html_style[];
extern const char html_script[];
extern const char html_script_hash[]; /* "sha256-...", for a content security policy */

#endif
