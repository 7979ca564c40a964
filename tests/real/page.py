#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of epitaph show --html in a real browser, made from a reference dump.

    page.py LABDIR EPITAPH

Headless Chromium by its chromedriver (Debian: chromium chromium-driver), at a phone's and
a desktop's width, light and dark: nothing on the console, no request but for the page
itself, nothing wider than the window, no picture that tells other numbers than the dump.
Skipped, with words, where there is no Chromium: half a gigabyte is much for one page.
"""
import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

LAB = Path(sys.argv[1])
EPITAPH = Path(sys.argv[2]).resolve()
DUMP = LAB / 'vmcore'
WIDTHS = {'phone': (375, 800), 'desktop': (1280, 900)}

# All that is asked of one page, in the page.
LOOK = r'''
const all = selector => [...document.querySelectorAll(selector)];
const flame = document.getElementById('flame');
const frames = flame ? [...flame.querySelectorAll('.f')] : [];
const percent = (frame, name) => parseFloat(frame.getAttribute(name));
return {
    dark: matchMedia('(prefers-color-scheme: dark)').matches,
    background: getComputedStyle(document.body).backgroundColor,
    overflow: document.documentElement.scrollWidth - innerWidth,
    text: document.body.innerText,
    flame_total: flame ? Number(flame.dataset.total) : 0,
    top_row: frames.filter(f => percent(f, 'y') === 18)
                   .reduce((sum, f) => sum + Number(f.dataset.n), 0),
    states: all('#states title').reduce((sum, t) => sum + Number(t.textContent.split(': ')[1]), 0),
    outside: frames.filter(f => percent(f, 'x') + percent(f, 'width') > 100.01).length,
    memory: all('#memory > svg').reduce((sum, f) => sum + percent(f, 'width') *
                                                    percent(f, 'height') / 100, 0),
    lines: Number(document.getElementById('timeline')?.dataset.lines),
    links: all('nav a').filter(a => !document.querySelector(a.getAttribute('href'))).length,
};
'''
# A click on the widest frame below the root makes it as wide as the picture.
ZOOM = r'''
const frames = [...document.querySelectorAll('#flame .f')];
const below = frames.find(f => f.getAttribute('y') === '18');
below.dispatchEvent(new MouseEvent('click', {bubbles: true}));
return [below.getAttribute('width'), frames[0].getAttribute('width')];
'''


class Browser:
    """One chromedriver with one window, spoken to as WebDriver says."""

    def __init__(self, driver, size, dark, profile):
        self.process = subprocess.Popen([driver, '--port=0'], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for line in self.process.stdout:
            started = re.search(r'started successfully on port (\d+)', line)
            if started:
                break
        else:
            raise AssertionError('chromedriver did not start')
        self.base = f'http://127.0.0.1:{started[1]}/session'
        arguments = ['--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
                     f'--user-data-dir={profile}', f'--window-size={size[0]},{size[1]}']
        if dark:
            arguments.append('--blink-settings=preferredColorScheme=0')
        options = {'args': arguments}
        if size[0] < 500:  # a window can't be so narrow
            options['mobileEmulation'] = {'deviceMetrics': {
                'width': size[0], 'height': size[1], 'pixelRatio': 1, 'mobile': True}}
        made = self.call('', {'capabilities': {'alwaysMatch': {
            'browserName': 'chrome', 'goog:chromeOptions': options,
            'goog:loggingPrefs': {'browser': 'ALL', 'performance': 'ALL'}}}})
        self.base += '/' + made['sessionId']

    def call(self, path, body=None, method='POST'):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, method=method,
                                         headers={'Content-Type': 'application/json'})
        # Never by a proxy: it is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=120) as answer:
            return json.load(answer)['value']

    def run(self, script):
        return self.call('/execute/sync', {'script': script, 'args': []})

    def log(self, kind):
        return self.call('/se/log', {'type': kind})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call('', method='DELETE')
        finally:
            self.process.terminate()
            self.process.wait()
            self.process.stdout.close()


def requests(browser, page):
    """What the page asked for; the browser begins with one of its own."""
    for entry in browser.log('performance'):
        message = json.loads(entry['message'])['message']
        if message['method'] == 'Network.requestWillBeSent' and \
                message['params']['documentURL'] == page.as_uri():
            yield message['params']['request']['url']


def check_page(browser, page, report, dark):
    browser.call('/url', {'url': page.as_uri()})
    seen = browser.run(LOOK)
    tasks = report['task_count']
    assert seen['overflow'] <= 0, f'wider than the window by {seen["overflow"]}'
    assert seen['dark'] == dark
    assert report['cause'] in seen['text'] and report['verdict']['next'] in seen['text']
    assert seen['flame_total'] == seen['states'] == tasks, (seen, tasks)
    # What is narrower than a pixel is not drawn.
    assert tasks * 0.95 <= seen['top_row'] <= tasks, (seen['top_row'], tasks)
    assert seen['outside'] == 0 and seen['links'] == 0, seen
    assert 99.5 < seen['memory'] < 100.5, seen['memory']
    assert seen['lines'] == report['log']['count']
    zoomed, root = browser.run(ZOOM)
    assert (zoomed, root) == ('100%', '100%'), (zoomed, root)
    console = browser.log('browser')
    assert not console, console
    urls = set(requests(browser, page))
    assert all(url == page.as_uri() or url.startswith('data:') for url in urls), urls
    assert page.as_uri() in urls
    return seen['background']


def main():
    driver = shutil.which('chromedriver')
    if not driver or not (shutil.which('chromium') or shutil.which('google-chrome')):
        print('skipped: no chromium with chromedriver here (Debian: chromium '
              'chromium-driver)\n0 passed, 0 failed')
        return
    shown = subprocess.run([EPITAPH, 'show', '--json', DUMP], check=True,
                           stdout=subprocess.PIPE).stdout
    report = json.loads(shown)
    backgrounds = set()
    with tempfile.TemporaryDirectory() as top:
        page = Path(top) / 'page.html'
        subprocess.run([EPITAPH, 'show', '--html', '--output', page, DUMP], check=True)
        assert page.stat().st_size < 1 << 20
        for width, dark in (('phone', False), ('desktop', True)):
            with Browser(driver, WIDTHS[width], dark, f'{top}/{width}') as browser:
                backgrounds.add(check_page(browser, page, report, dark))
    assert len(backgrounds) == 2, backgrounds
    print('2 passed, 0 failed')


main()
