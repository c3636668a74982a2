// Owns the page /docs: reads /openapi.json in the browser and lets one try every call. Self-contained: it loads nothing from
// anywhere else, so it works in a cluster without internet.

export const DOCS_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Slipway model server</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1b1f24; background: #fff; }
  h1 { font-size: 1.4rem; } code, pre, textarea { font: 13px/1.45 ui-monospace, monospace; }
  details { border: 1px solid #d0d7de; border-radius: 6px; margin: .5rem 0; padding: .5rem .8rem; }
  summary { cursor: pointer; } summary b { display: inline-block; min-width: 3.5rem; }
  textarea { width: 100%; min-height: 9rem; box-sizing: border-box; } pre { background: #f6f8fa; padding: .6rem; overflow: auto; max-height: 24rem; }
  button { font: inherit; padding: .25rem .9rem; }
  @media (prefers-color-scheme: dark) { body { background: #0d1117; color: #e6edf3; } details { border-color: #30363d; } pre { background: #161b22; } }
</style>
<h1>Slipway model server</h1>
<p id="about"></p>
<p>The document behind this page: <a href="openapi.json">openapi.json</a></p>
<main id="calls"></main>
<script type="module">
  const el = (tag, props = {}, ...children) => { const node = Object.assign(document.createElement(tag), props); node.append(...children); return node; };
  const doc = await (await fetch('openapi.json')).json();
  document.getElementById('about').textContent = doc.info.description;
  for (const [path, item] of Object.entries(doc.paths)) for (const [method, op] of Object.entries(item)) {
    const content = op.requestBody?.content?.['application/json'];
    const examples = Object.entries(content?.examples ?? {});
    const body = el('textarea', { value: JSON.stringify(examples[0]?.[1].value ?? {}, null, 1), hidden: !content, ariaLabel: 'request body' });
    const pick = el('select', { hidden: examples.length < 2, ariaLabel: 'example' }, ...examples.map(([name]) => el('option', {}, name)));
    pick.onchange = () => { body.value = JSON.stringify(examples[pick.selectedIndex][1].value, null, 1); };
    const out = el('pre', { hidden: true });
    const send = el('button', {}, 'Send');
    send.onclick = async () => {
      const init = content ? { method: 'POST', headers: { 'content-type': 'application/json' }, body: body.value } : {};
      const answer = await fetch(path.slice(1), init);
      const text = await answer.text();
      let shown = text; try { shown = JSON.stringify(JSON.parse(text), null, 1); } catch {}
      out.hidden = false; out.textContent = answer.status + '\\n' + shown;
    };
    document.getElementById('calls').append(el('details', {}, el('summary', {}, el('b', {}, method.toUpperCase()), el('code', {}, path), ' ' + (op.summary ?? '')), pick, body, el('p', {}, send), out));
  }
</script>
</html>
`;
