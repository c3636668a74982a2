// Owns what a shell may complete, and the scripts that ask for it. Must not know the cluster.

export interface Completable {
  name: string;
  takesName: boolean;
  /** Long and short flags. */
  flags: readonly string[];
  choices: readonly string[];
}

/** Candidates for the last word: words, or that names of InferenceServices are wanted. */
export type Candidates = { words: readonly string[] } | { services: true; options: { namespace?: string; context?: string; kubeconfig?: string } };

const VALUES: Readonly<Record<string, 'namespace' | 'context' | 'kubeconfig'>> = { '-n': 'namespace', '--namespace': 'namespace', '--context': 'context', '--kubeconfig': 'kubeconfig' };

/** `words`: what was typed after `kubectl isvc`; the last one, perhaps empty, is to be completed. */
export function candidatesFor(words: readonly string[], commands: readonly Completable[]): Candidates {
  const last = words.at(-1) ?? '';
  const { options, rest } = split(words.slice(0, -1));
  const command = commands.find((each) => each.name === rest[0]);
  const starting = (all: readonly string[]): Candidates => ({ words: all.filter((each) => each.startsWith(last)) });
  if (last.startsWith('-')) return starting([...(command?.flags ?? []), ...Object.keys(VALUES), '--help']);
  if (rest.length === 0) return starting(commands.map((each) => each.name));
  if (command === undefined || rest.length > 1) return { words: [] };
  return command.takesName ? { services: true, options } : starting(command.choices);
}

/** Takes the options that choose a cluster or namespace out; other options are skipped. */
function split(words: readonly string[]): { options: Record<string, string>; rest: string[] } {
  const options: Record<string, string> = {};
  const rest: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const option = VALUES[word];
    if (option !== undefined) options[option] = words[++at] ?? '';
    else if (!word.startsWith('-')) rest.push(word);
  }
  return { options, rest };
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type ShellName = (typeof SHELLS)[number];

/** What kubectl runs for `kubectl isvc <TAB>`. */
const HELPER = `# For \`kubectl isvc <TAB>\` put this beside the plugin, executable, as kubectl_complete-isvc:
#   #!/bin/sh
#   exec kubectl-isvc __complete "$@"
`;

/** Scripts to be sourced by the shell. */
export const SCRIPTS: Readonly<Record<ShellName, string>> = {
  bash: `# Completion of kubectl-isvc for bash: source <(kubectl isvc completion bash)
${HELPER}_kubectl_isvc() {
  mapfile -t COMPREPLY < <(kubectl-isvc __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | grep -v '^:')
}
complete -F _kubectl_isvc kubectl-isvc
`,
  zsh: `# Completion of kubectl-isvc for zsh: source <(kubectl isvc completion zsh)
${HELPER}_kubectl_isvc() {
  local -a candidates
  candidates=(\${(f)"$(kubectl-isvc __complete "\${(@)words[2,CURRENT]}" 2>/dev/null | grep -v '^:')"})
  compadd -a candidates
}
compdef _kubectl_isvc kubectl-isvc
`,
  fish: `# Completion of kubectl-isvc for fish: kubectl isvc completion fish | source
${HELPER}complete -c kubectl-isvc -f -a '(kubectl-isvc __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null | string match -v ":*")'
`,
};
