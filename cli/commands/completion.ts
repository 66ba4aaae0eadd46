import type { Command } from '../command.ts';
import { choice, required } from '../options/values.ts';
import { completionKey } from '../parse.ts';

const asked = (shell: string): string => `env SHELL=${shell} lambdamax ${completionKey}`;

/** A script for each shell: it hands over the words so far, and gets commands, options and names of values, a line each. */
const scripts = {
  bash: `_lambdamax() {
    local names
    mapfile -t names < <(${asked('bash')} "\${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
    mapfile -t COMPREPLY < <(compgen -W "\${names[*]}" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o bashdefault -o default -F _lambdamax lambdamax
`,
  zsh: `#compdef lambdamax
_lambdamax() {
    local -a names
    names=("\${(@f)$(${asked('zsh')} "\${(@)words[1,CURRENT]}" 2>/dev/null)}")
    if [[ -n "\${names[1]}" ]]; then _describe lambdamax names; else _default; fi
}
if [[ "\${zsh_eval_context[-1]}" == loadautofunc ]]; then _lambdamax "$@"; else compdef _lambdamax lambdamax; fi
`,
  fish: `complete -c lambdamax -n __fish_use_subcommand -f
complete -c lambdamax -a '(${asked('fish')} (commandline -cop) (commandline -ct | string collect) 2>/dev/null)'
`,
} as const;

/** `lambdamax completion`: what a shell needs to complete command lines. */
export const command: Command = {
  usage: 'completion <shell>',
  summary: 'Print a script that completes commands, options and names in bash, zsh or fish',
  options: {},
  examples: [
    ['completion bash >> ~/.bashrc', 'from the next shell on'],
    ['completion zsh >> ~/.zshrc', 'behind compinit'],
    ['completion fish > ~/.config/fish/completions/lambdamax.fish', 'at once'],
  ],
  async run(args, output) {
    const shell = required(args, 'shell', choice(['bash', 'zsh', 'fish']));
    const script = scripts[shell];
    output.result({ shell, script }, () => [script.trimEnd()]);
  },
};
