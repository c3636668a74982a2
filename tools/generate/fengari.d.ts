// The few functions of the Lua interpreter that argocd-health.test.ts uses; the package brings no types.
declare module 'fengari' {
  type State = object;
  const fengari: {
    lua: { LUA_OK: number; lua_tostring(state: State, index: number): Uint8Array };
    lauxlib: { luaL_newstate(): State; luaL_dostring(state: State, text: Uint8Array): number };
    lualib: { luaL_openlibs(state: State): void };
    to_luastring: (text: string) => Uint8Array;
    to_jsstring: (text: Uint8Array) => string;
  };
  export default fengari;
}
