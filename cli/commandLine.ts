/** The command line as one would type it again. */
export function commandLine(): string {
  const quoted = process.argv
    .slice(2)
    .map((part) => (/^[\w./,:=@+-]+$/.test(part) ? part : `'${part.replaceAll("'", "'\\''")}'`));
  return ['lambdamax', ...quoted].join(' ');
}
