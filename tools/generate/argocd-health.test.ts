// The Argo CD health script of the chart, run in a Lua interpreter over what an InferenceService looks like in each situation.
import { readFileSync } from 'node:fs';
import fengari from 'fengari';
import { describe, expect, it } from 'vitest';

const { lauxlib, lua, lualib, to_luastring: luaText, to_jsstring: jsText } = fengari;
const script = readFileSync(new URL('../../charts/slipway/files/argocd-health.lua', import.meta.url), 'utf8');

/** A value as a Lua literal. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(literal).join(',')}}`;
  if (typeof value === 'object' && value !== null) return `{${Object.entries(value).map(([key, each]) => `[${JSON.stringify(key)}]=${literal(each)}`).join(',')}}`;
  return JSON.stringify(value);
}

/** What Argo CD would show. */
function healthOf(object: unknown): { status: string; message: string } {
  const state = lauxlib.luaL_newstate();
  lualib.luaL_openlibs(state);
  const text = `local obj = ${literal(object)}\nlocal function check(obj)\n${script}\nend\nlocal h = check(obj)\nreturn h.status .. "\\n" .. (h.message or "")`;
  if (lauxlib.luaL_dostring(state, luaText(text)) !== lua.LUA_OK) throw new Error(jsText(lua.lua_tostring(state, -1)));
  const [status = '', message = ''] = jsText(lua.lua_tostring(state, -1)).split('\n');
  return { status, message };
}

const condition = (type: string, status: string, reason: string, message: string): object => ({ type, status, reason, message });
const isvc = (phase: string, conditions: object[], observedGeneration = 2): object => ({ metadata: { name: 'sentiment', generation: 2 }, status: { observedGeneration, phase, conditions } });
const ready = condition('Ready', 'True', 'Serving', 'The URL answers.');
const rolledOut = condition('RolledOut', 'True', 'RolledOut', 'v2 is stable.');
const notRolledOut = condition('RolledOut', 'False', 'StepPause', 'A timed pause is running.');

describe('argocd-health.lua', () => {
  it.each([
    ['nothing yet', { metadata: { generation: 1 } }, 'Progressing', 'Waiting for the operator'],
    ['a spec that the operator has not seen', isvc('Healthy', [ready, rolledOut], 1), 'Progressing', 'Waiting for the operator'],
    ['all well', isvc('Healthy', [ready, rolledOut]), 'Healthy', 'Serving: The URL answers.'],
    ['a canary on its way', isvc('Progressing', [ready, notRolledOut]), 'Progressing', 'StepPause: A timed pause is running.'],
    ['a download', isvc('Pending', [condition('Ready', 'False', 'Downloading', '10 of 20 MB.'), notRolledOut]), 'Progressing', 'Downloading: 10 of 20 MB.'],
    ['a pause', isvc('Paused', [ready, notRolledOut, condition('Progressing', 'False', 'AwaitingPromotion', 'Promote or abort.')]), 'Suspended', 'AwaitingPromotion: Promote or abort.'],
    ['an aborted canary', isvc('Degraded', [ready, notRolledOut, condition('Stalled', 'True', 'Aborted', 'Change the spec.')]), 'Degraded', 'Aborted: Change the spec.'],
    ['a deletion', { metadata: { generation: 2, deletionTimestamp: '2026-01-01T00:00:00Z' }, status: {} }, 'Progressing', 'Being deleted'],
  ])('%s', (_what, object, status, message) => {
    expect(healthOf(object)).toEqual({ status, message });
  });
});
