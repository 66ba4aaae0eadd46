/** Continues a setting's prompts greedily, all at once, past every token that would end a text. */

import { generate } from 'lambdamax/training';
import { ownModel, ownSetting, peakMegabytes, repeated, report } from './process.ts';

const { prompts, newTokens } = await ownSetting();
const model = await ownModel();
const { first, times } = await repeated(() => generate(model, prompts, { maxNewTokens: newTokens, stop: new Set() }));
report({ losses: [], ...times, peakMegabytes: peakMegabytes(), tokens: first.map(({ tokens }) => [...tokens]) });
