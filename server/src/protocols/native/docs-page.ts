// Owns the page /docs: reads /openapi.json in the browser, shows every call and its models, and lets one try it. Self-contained: it loads
// nothing from anywhere else, so it works in a cluster without internet.

const STYLE = `
  :root { --ink: #1b2430; --soft: #5b6776; --line: #d8dee6; --card: #fff; --page: #f5f7f9; --code: #f0f3f6; --get: #1a6fb5; --post: #18794e; --bad: #b42318; }
  @media (prefers-color-scheme: dark) { :root { --ink: #e4e9ef; --soft: #97a3b1; --line: #2c3641; --card: #161c23; --page: #0e1318; --code: #1e262f; --get: #6cb2f0; --post: #5cc793; --bad: #ff8f85; } }
  * { box-sizing: border-box; }
  body { font: 15px/1.55 system-ui, sans-serif; margin: 0; color: var(--ink); background: var(--page); }
  header, main { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
  header { padding-top: 2rem; } h1 { font-size: 1.5rem; margin: 0 0 .25rem; letter-spacing: -.01em; }
  h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; } h2 small { color: var(--soft); font-weight: 400; margin-left: .5rem; }
  p { margin: .35rem 0; color: var(--soft); } a { color: var(--get); }
  code, pre, textarea, .method { font: 13px/1.5 ui-monospace, 'DejaVu Sans Mono', monospace; }
  table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
  th, td { text-align: left; padding: .45rem .8rem; border-top: 1px solid var(--line); vertical-align: top; } th { color: var(--soft); font-weight: 500; border-top: 0; }
  details { background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0; }
  summary { cursor: pointer; padding: .6rem .9rem; display: flex; gap: .75rem; align-items: baseline; flex-wrap: wrap; list-style: none; } summary::-webkit-details-marker { display: none; }
  summary span:last-child { color: var(--soft); } .method { font-weight: 700; min-width: 2.8rem; color: var(--get); } .method.post { color: var(--post); }
  .body { padding: .2rem .9rem .9rem; border-top: 1px solid var(--line); } .row { display: flex; gap: .6rem; align-items: center; flex-wrap: wrap; margin: .6rem 0; }
  label { color: var(--soft); font-size: 13px; } select, button, input { font: inherit; font-size: 14px; padding: .3rem .6rem; border: 1px solid var(--line); border-radius: 6px; background: var(--card); color: var(--ink); }
  button { background: var(--post); border-color: var(--post); color: var(--card); font-weight: 600; padding: .3rem 1.1rem; cursor: pointer; } button:disabled { opacity: .5; }
  textarea { width: 100%; min-height: 9.5rem; padding: .6rem; border: 1px solid var(--line); border-radius: 6px; background: var(--code); color: var(--ink); resize: vertical; }
  pre { background: var(--code); padding: .6rem .7rem; overflow: auto; max-height: 26rem; border-radius: 6px; margin: .5rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
  .status { font-weight: 600; } .status.bad { color: var(--bad); } .status.good { color: var(--post); } :focus-visible { outline: 2px solid var(--get); outline-offset: 1px; }
`;

const SCRIPT = `
  const el = (tag, props = {}, ...children) => { const node = Object.assign(document.createElement(tag), props); node.append(...children); return node; };
  const pretty = (text) => { try { return JSON.stringify(JSON.parse(text), null, 2).replace(/\\[[\\s\\d.,eE+-]*\\]/g, (list) => list.replace(/\\s+/g, ' ')); } catch { return text; } };
  const shape = (tensors) => (tensors ?? []).map((t) => t.name + ' ' + t.dtype + '[' + t.shape.map((d) => (d < 0 ? '?' : d)).join(', ') + ']').join(', ');
  const doc = await (await fetch('openapi.json')).json();
  const { models } = await (await fetch('models')).json();
  document.getElementById('about').textContent = doc.info.description;
  const table = document.getElementById('models');
  for (const m of models) table.append(el('tr', {}, el('td', {}, el('code', {}, m.name)), el('td', {}, m.version), el('td', {}, m.takes === 'text' ? 'texts' : shape(m.inputs)), el('td', {}, shape(m.outputs)), el('td', {}, m.phase)));
  const call = (path, method, op) => {
    const content = op.requestBody?.content ?? {};
    const examples = Object.entries(content['application/json']?.examples ?? {});
    const body = el('textarea', { spellcheck: false, ariaLabel: 'request body', value: pretty(JSON.stringify(examples[0]?.[1].value ?? {})) });
    const file = el('input', { type: 'file', ariaLabel: 'file' });
    const type = el('select', { ariaLabel: 'content type' }, ...Object.keys(content).map((name) => el('option', {}, name)));
    const pick = el('select', { ariaLabel: 'example' }, ...examples.map(([name]) => el('option', {}, name)));
    const example = el('label', {}, 'Example ', pick);
    const fields = (op.parameters ?? []).filter((p) => p.in === 'query').map((p) => [p.name, p.schema.enum ? el('select', {}, ...['', ...p.schema.enum].map((v) => el('option', {}, v))) : el('input', { size: 10 }), p.description]);
    const query = el('div', { className: 'row' }, ...fields.map(([name, input, title]) => el('label', { title }, name + ' ', input)));
    const line = el('span', { className: 'status', role: 'status' }), heads = el('pre', { hidden: true }), out = el('pre', { hidden: true }), curl = el('pre', { hidden: true });
    const raw = () => type.value !== '' && type.value !== 'application/json';
    const show = () => { file.hidden = !raw(); body.hidden = example.hidden = raw(); };
    type.onchange = show; pick.onchange = () => { body.value = pretty(JSON.stringify(examples[pick.selectedIndex][1].value)); };
    const send = el('button', {}, 'Send');
    send.onclick = async () => {
      const given = new URLSearchParams(fields.flatMap(([name, input]) => (input.value === '' ? [] : [[name, input.value]])));
      const url = path.slice(1) + (given.size > 0 ? '?' + given : '');
      const init = op.requestBody ? { method: method.toUpperCase(), headers: { 'content-type': type.value }, body: raw() ? (file.files[0] ?? '') : body.value } : {};
      send.disabled = true; const began = performance.now();
      try {
        const answer = await fetch(url, init);
        const kind = answer.headers.get('content-type') ?? '';
        const text = kind.includes('octet-stream') ? (await answer.arrayBuffer()).byteLength + ' bytes' : await answer.text();
        line.textContent = answer.status + ' ' + answer.statusText + ', ' + Math.round(performance.now() - began) + ' ms'; line.className = 'status ' + (answer.ok ? 'good' : 'bad');
        heads.textContent = [...answer.headers].filter(([name]) => /^(x-request-id|slipway-|retry-after|content-type)/.test(name)).map((pair) => pair.join(': ')).join('\\n'); out.textContent = pretty(text); heads.hidden = out.hidden = false;
        const quote = (text) => "'" + text.replaceAll("'", "'\\\\''") + "'";
        const sent = !op.requestBody ? '' : raw() ? ' -H ' + quote('Content-Type: ' + type.value) + ' --data-binary @FILE' : ' -H ' + quote('Content-Type: application/json') + ' -d ' + quote(body.value.replace(/\\s*\\n\\s*/g, ' '));
        curl.textContent = 'curl -s ' + quote(new URL(url, location).href) + sent; curl.hidden = false;
      } catch (error) { line.textContent = String(error); line.className = 'status bad'; }
      send.disabled = false;
    };
    show();
    const inside = el('div', { className: 'body' }, ...(op.description ? [el('p', {}, op.description)] : []), ...(op.requestBody ? [el('div', { className: 'row' }, el('label', {}, 'Body ', type), example)] : []), ...(fields.length ? [query] : []), ...(op.requestBody ? [body, file] : []), el('div', { className: 'row' }, send, line), curl, heads, out);
    return el('details', { id: op.operationId }, el('summary', {}, el('span', { className: 'method ' + method }, method.toUpperCase()), el('code', {}, path), el('span', {}, op.summary ?? '')), inside);
  };
  for (const tag of doc.tags) {
    const group = document.getElementById('calls'); group.append(el('h2', {}, tag.name, el('small', {}, tag.description)));
    for (const [path, item] of Object.entries(doc.paths)) for (const [method, op] of Object.entries(item)) if (op.tags.includes(tag.name)) group.append(call(path, method, op));
  }
  document.querySelector('details').open = true; document.body.dataset.ready = 'true';
`;

export const DOCS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Slipway model server</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Slipway model server</h1>
<p id="about"></p>
<p>The document behind this page: <a href="openapi.json">openapi.json</a></p>
</header>
<main>
<h2>Models</h2>
<table><thead><tr><th>name</th><th>version</th><th>takes</th><th>gives</th><th>phase</th></tr></thead><tbody id="models"></tbody></table>
<div id="calls"></div>
</main>
<script type="module">${SCRIPT}</script>
</body>
</html>
`;
