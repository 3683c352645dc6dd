/** `keyward completion SHELL`: a script that completes commands and flags, made from the commands themselves. */
import { Argument, type Command } from 'commander';

export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('print a completion script: keyward completion bash > /etc/bash_completion.d/keyward')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action((shell: 'bash' | 'zsh' | 'fish') => {
      process.stdout.write(script(shell, words(program)));
    });
}

type Words = ReadonlyMap<string, readonly string[]>;

function words(program: Command): Words {
  const options = (command: Command) => command.options.map((each) => each.long ?? each.short ?? '');
  const flags = (command: Command) => [
    ...command.commands.map((each) => each.name()),
    ...[command, ...command.commands].flatMap(options),
    '--help',
  ];
  return new Map([
    ['', [...program.commands.map((each) => each.name()), ...options(program), '--help']],
    ...program.commands.map((each) => [each.name(), flags(each)] as const),
  ]);
}

function script(shell: 'bash' | 'zsh' | 'fish', all: Words): string {
  const top = all.get('') ?? [];
  const commands = [...all].filter(([name]) => name !== '');
  if (shell === 'fish') {
    const lines = commands.flatMap(([name, flags]) =>
      flags.map((flag) => {
        const word = flag.startsWith('-') ? `-l ${flag.replace(/^-+/, '')}` : `-a ${flag}`;
        return `complete -c keyward -n '__fish_seen_subcommand_from ${name}' ${word}`;
      }),
    );
    return `complete -c keyward -f -n __fish_use_subcommand -a '${top.filter((each) => !each.startsWith('-')).join(' ')}'\n${lines.join('\n')}\n`;
  }
  const cases = commands.map(([name, flags]) => `    ${name}) words='${flags.join(' ')}' ;;`).join('\n');
  const body = `_keyward() {
  local words
  case "\${COMP_WORDS[1]}" in
${cases}
    *) words='${top.join(' ')}' ;;
  esac
  COMPREPLY=($(compgen -f -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o filenames -F _keyward keyward
`;
  return shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${body}` : body;
}
