import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readJson, readText } from '../../../training/checkpoint/files.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

test('text is UTF-8, with a byte order mark or without; other bytes are no text', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'chat_template.jinja');
    for (const text of ['\uFEFFcafé \ufffd\n', 'café \ufffd\n']) {
      await writeFile(path, text);
      assert.is(await readText(path), 'café \ufffd\n');
    }
    for (const encoding of ['latin1', 'utf16le'] as const) {
      await writeFile(path, Buffer.from('\uFEFF{"a":"é"}', encoding));
      await throwsClearly(() => readText(path), /chat_template\.jinja: expected text in UTF-8, got other bytes/);
      await throwsClearly(() => readJson(path), /chat_template\.jinja: expected text in UTF-8/);
    }
  }));

test.run();
