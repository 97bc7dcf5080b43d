// Measures the page in the frame; the numbers are left in an attribute of this page's body.
onload = () => {
  const frame = document.querySelector('iframe');
  const page = frame.contentDocument;
  const style = element => frame.contentWindow.getComputedStyle(element);
  const all = selector => [...page.querySelectorAll(selector)];
  // What has a size and, in a chart, lies within it.
  const shown = selector => all(selector).filter(element => {
    const box = element.getBoundingClientRect();
    const chart = element.ownerSVGElement?.getBoundingClientRect();
    const within = !chart || (box.left >= chart.left - 1 && box.right <= chart.right + 1 &&
      box.top >= chart.top - 1 && box.bottom <= chart.bottom + 1);
    return box.width > 0 && box.height > 0 && within;
  }).length;
  const texts = all('main *').filter(element =>
    [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()) &&
    !element.closest('svg') && element.getBoundingClientRect().height > 0);
  const [accept, syn] = ['.pair figure:nth-child(1)', '.pair figure:nth-child(2)'];
  const colour = style(page.body).backgroundColor.match(/\d+/g).map(Number);
  document.body.dataset.facts = JSON.stringify({
    title: page.title,
    content: page.documentElement.scrollWidth,
    room: page.documentElement.clientWidth,
    drops: shown('#drops rect.bar'),
    accept: shown(`${accept} rect.bar`),
    over: shown(`${accept} rect.over`),
    syn: shown(`${syn} rect.bar`),
    limits: all('#queues line.limit').length,
    listeners: shown('#listeners tbody tr'),
    clients: shown('#clients .cards tbody tr'),
    counters: shown('#counters tbody tr'),
    articles: shown('#reasons article'),
    owner: page.querySelector('#listeners tbody tr').textContent,
    smallest: Math.min(...texts.map(element => parseFloat(style(element).fontSize))),
    scripts: all('script').length,
    images: all('img').length,
    brightness: Math.max(...colour.slice(0, 3)),
  });
};
