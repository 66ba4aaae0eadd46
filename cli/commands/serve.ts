import { LambdamaxError } from '../../errors.ts';
import type { Command } from '../command.ts';
import { value } from '../options/options.ts';
import { required, text, wholeNumber } from '../options/values.ts';

/** `lambdamax serve`: live pages about the studies in a folder. */
export const command: Command = {
  usage: 'serve [folder]',
  summary: 'Show the studies in a folder as they run, in a browser on this machine',
  options: {
    folder: value('Study', 'DIR', 'folder of studies, or one study', 'runs'),
    port: value('Study', 'N', 'port on 127.0.0.1; 0 is any that is free', 6116),
  },
  examples: [
    ['serve', 'the studies in runs/; Ctrl-C ends it, and leaves them alone'],
    ['serve /data/studies --port 0', 'those of another folder, at a port that is free'],
  ],
  async run(args, output) {
    const folder = required(args, 'folder', text);
    const port = required(args, 'port', wholeNumber(0, 65535));
    const { statSync } = await import('node:fs');
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
      throw new LambdamaxError({
        subject: folder,
        expected: 'a folder of studies',
        got: 'no folder',
        remedy: 'name one, or make a study first: lambdamax study',
      });
    const { serveStudies } = await import('../../study/live/server.ts');
    const { url } = await serveStudies(folder, { port });
    output.keep('the pages have ended, and studies go on');
    output.result({ url, folder }, () => [url]);
    output.say(`Shows the studies in ${folder} until Ctrl-C.`);
    // It serves until the command is ended.
    await new Promise<never>(() => {});
  },
};
