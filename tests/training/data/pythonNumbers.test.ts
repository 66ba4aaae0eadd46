import { test } from 'uvu';
import { requirePythonNumbers, requirePythonNumbersIn } from '../../../training/data/files/pythonNumbers.ts';
import { throwsClearly } from '../../oracles/throws.ts';

/** A row of a conversation with a tool whose schema holds a number, as it stands in the file. */
const rowWith = (number: string) =>
  `{"messages": [{"role": "user", "content": "2.0"}], "tools": [{"name": "f", "minimum": ${number}}]}`;

// What json.dumps(json.loads(TEXT)) of Python 3.11 prints for each, beside what JavaScript prints.
const others = [
  '1.0',
  '0.0',
  '-3.0',
  '1e2',
  '1E5',
  '1e-07',
  '0.00001',
  '1e+20',
  '12345678901234567890',
  '1e16',
  '1.5e3',
];
const alike = ['1', '-7', '0', '0.5', '-0.25', '3.14159', '0.0001', '123456789.125', '9007199254740991'];

for (const number of others)
  test(`the number ${number} in a tool is refused by name, where Python prints it otherwise`, async () => {
    await throwsClearly(
      () => requirePythonNumbers(rowWith(number), 'row 1'),
      /tools of row 1: .*write alike, got [\d.eE+-]+;/,
    );
    await throwsClearly(() => requirePythonNumbersIn(`[{"a": [${number}]}]`, 'tools of row 2'), /tools of row 2/);
  });

test('numbers that both print alike, and numbers that no template prints, pass', () => {
  for (const number of alike) requirePythonNumbers(rowWith(number), 'row 1');
  requirePythonNumbers('{"messages": [{"role": "user", "content": "1.0"}], "tools": null, "score": 1.0}', 'row 1');
  requirePythonNumbers('{"prompt": "tools", "tools": "none", "score": 1.0}', 'row 1');
});

test('arguments of a call are looked at, a text in them is not', async () => {
  const row = (args: string) =>
    `{"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": ${args}}}]}]}`;
  await throwsClearly(() => requirePythonNumbers(row('{"x": 2.0}'), 'row 3'), /tool_calls of row 3: .*got 2\.0/);
  requirePythonNumbers(row('"{\\"x\\": 2.0}"'), 'row 3');
});

test.run();
