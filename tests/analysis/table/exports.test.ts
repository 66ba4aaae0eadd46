import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { curve, optimaOf, readingOf, table } from '../../cases/tables.ts';

test("W&B's run table, and its API's columns of dicts", async () => {
  const quoted = curve(
    1e-3,
    (rate, loss) =>
      `"swift-${rate}","finished","","2026-01-02T00:00:00.000Z","62","${rate}","pissa","16","${loss}","0.9${loss}","0","300"`,
  );
  const header =
    '"Name","State","Notes","Created","Runtime","learning_rate","init_lora_weights","r","eval/loss","train/loss","train/learning_rate","train/global_step"';
  assert.equal(await optimaOf(table(header, quoted)), { pissa: '0.0010' });
  const python = (
    [
      [8, 1e-3],
      [64, 1e-4],
    ] as const
  ).map(([rank, best]) =>
    curve(best, (rate, loss) =>
      `${rank}-${rate},"{'_runtime': 3.5, 'eval/loss': ${loss}, 'note': None}","{'lr': ${rate}, 'peft': {'r': ${rank}, 'it''s': ""a'b""}, 'bf16': True, 'method': 'lora'}",run-${rank}-${rate}`.replace(
        "it''s",
        'x',
      ),
    ),
  );
  assert.equal(await optimaOf(table('id,summary,config,name', ...python)), {
    'lora, r 8': '0.0010',
    'lora, r 64': '0.00010',
  });
  const flat = curve(1e-3, (rate, loss) => `${rate},lora,${loss},finished`);
  assert.equal(await optimaOf(table('config.lr.value,config.method.value,summary.eval/loss,state', flat)), {
    lora: '0.0010',
  });
  const json = curve(
    1e-3,
    (rate, loss) => `"{""eval/loss"": ${loss}}","{""lr"": {""value"": ${rate}, ""desc"": null}}"`,
  );
  assert.equal(await optimaOf(table('summary,config', json)), { 'all runs': '0.0010' });
});

test("Ray Tune's results: trials that a scheduler ended early do not count", async () => {
  const header =
    'eval_loss,timestamp,done,training_iteration,trial_id,date,time_total_s,pid,hostname,node_ip,config/lr,config/method,config/batch_size,logdir';
  const lines = (
    [
      [16, 1e-3],
      [32, 1e-2],
    ] as const
  ).map(([batch, best]) =>
    curve(
      best,
      (rate, loss) =>
        `${loss},17,True,10,t${batch}${rate},2026-01-02_03-04-05,${rate}9,42,h,10.0.0.1,${rate},lora,${batch},l${batch}${rate}`,
    ),
  );
  const early = '0.1,17,True,2,early,2026-01-02_03-04-05,9,42,h,10.0.0.1,0.5,lora,16,learly';
  const running = '0.1,17,False,10,running,2026-01-02_03-04-05,9,42,h,10.0.0.1,0.5,lora,16,lrunning';
  const { best, notices } = await readingOf(table(header, ...lines, early, running));
  assert.equal(best, { 'lora, batch size 16': '0.0010', 'lora, batch size 32': '0.010' });
  assert.ok(
    notices.includes('left out 1 of 11 runs, which have fewer of training_iteration than others'),
    notices.join(),
  );
});

test("MLflow's search_runs: parameters are settings, metrics and tags are not", async () => {
  const header =
    'run_id,experiment_id,status,artifact_uri,start_time,end_time,metrics.eval_loss,metrics.learning_rate,metrics.train_loss,params.learning_rate,params.peft_type,params.lora_r,params.output_dir,params.seed,tags.mlflow.runName,tags.mlflow.user';
  const lines = (
    [
      [8, 1e-3],
      [16, 1e-4],
    ] as const
  ).flatMap(([rank, best]) =>
    [0, 1].map((seed) =>
      curve(
        best,
        (rate, loss) =>
          `id${rank}${rate}${seed},0,FINISHED,u${rate}${rank}${seed},s,e${rate},${loss},0.0,${seed}.5,${rate},LORA,${rank},/o/${rank}${rate}${seed},${seed},n${rate},me`,
      ),
    ),
  );
  const failed = 'idx,0,FAILED,ux,s,e,0.1,0.0,1,0.5,LORA,8,/o/x,0,nx,me';
  const { best } = await readingOf(table(header, ...lines, failed));
  assert.equal(best, { 'LORA, lora r 8': '0.0010', 'LORA, lora r 16': '0.00010' });
});

test.run();
