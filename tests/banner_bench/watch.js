// Runs before the page. With `poll` it notes the first frame that shows the banner, and nothing else, since
// looking costs script time itself; without, it notes what the browser reports of its own accord.
(banner, poll) => {
  const seen = { visible: null, paint: null, largest: null, element: null, shift: 0, long: 0, blocking: 0 };
  const parent = (node) => node.parentElement || node.getRootNode().host;

  // `a >>> b` steps from a into its open shadow root.
  seen.find = () => {
    let found = null;
    for (const part of banner.split('>>>')) {
      found = (found ? found.shadowRoot : document)?.querySelector(part);
      if (!found) return null;
    }
    return found;
  };

  // At least a quarter of it in view, and more than a tenth opaque.
  seen.shows = () => {
    const element = banner && seen.find();
    if (!element || !element.checkVisibility({ visibilityProperty: true })) return false;
    const box = element.getBoundingClientRect();
    const width = Math.min(box.right, innerWidth) - Math.max(box.left, 0);
    const height = Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
    if (!(width > 0 && height > 0 && width * height >= (box.width * box.height) / 4)) return false;
    let opacity = 1;
    for (let node = element; node; node = parent(node)) opacity *= getComputedStyle(node).opacity;
    return opacity > 0.1;
  };

  const look = () => {
    if (document.body && seen.shows()) seen.visible = performance.now();
    else requestAnimationFrame(look);
  };

  // The browser does not name an element in a shadow root: then it is `null`.
  const name = ({ element, size }) =>
    (element ? element.localName + (element.id ? '#' + element.id : '') : 'in a shadow root') + `, ${size} px²`;

  const notes = {
    'layout-shift': (entry) => (seen.shift += entry.hadRecentInput ? 0 : entry.value),
    paint: (entry) => entry.name == 'first-contentful-paint' && (seen.paint = entry.startTime),
    longtask(entry) {
      seen.long += 1;
      seen.blocking += entry.duration - 50;
    },
    'largest-contentful-paint'(entry) {
      seen.largest = entry.startTime;
      seen.element = name(entry);
    },
  };

  window.bannerBench = seen;
  if (poll) requestAnimationFrame(look);
  else
    for (const [type, note] of Object.entries(notes)) {
      new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true });
    }
}
