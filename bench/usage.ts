import { models } from './models.ts';
import { parts } from './real/subjects.ts';

/** What `npm run bench -- --help` says. */
export const usage = `npm run bench -- hvp|train|spectrum|stopping|bounds|per-module|profile|generate|tasks|recommend|laws|soak|large|real [options]

hvp: time, memory and part of the machine's GEMM peak of a Llama's loss, gradient and Hessian-vector products, against
PyTorch and JAX where a Python with them is found. Every measurement is a process of its own; subjects take turns.
train: time and memory of a training step, AdamW on LoRA, against PEFT on PyTorch in the same way.
spectrum: time of the largest eigenvalue of a whole adapter to a true error of 1e-3, against the searches of others.
stopping: how far from the truth searches stop: ours, the paper's, PyHessian's; where the eigenvalues are known.
bounds: how far lambda_max and lambda_min in float32 are from float64, against their error bounds.
per-module: time of the largest eigenvalue of every module's own block, by products of blocks and of the whole.
profile: the time of each kind of node in our gradient and linearised product, against what it takes at the least.
generate: 64 x 64 tokens generated and 500 problems teacher-forced, with the bundled model.
tasks: accuracy of the bundled model on its four families of tasks, before and after fine-tuning.
recommend: the rates of recommend, and others, against full sweeps; runs what --dir does not have yet (hours, resumed at will).
laws: c / lambda_max, c / sqrt(lambda_max) and one constant over every study in fixtures/ of which lambda_max is known.
soak: resident memory after so many linearised products in one process, of one batch and of changing ones.
large: set-up, memory and a product of 535 million random weights in BF16, written into a folder first (1.1 GB).
real: --model DIR --data FILE: step, product, lambda_max, starts of methods, generation, set-up and memory with a checkpoint
of yours and your rows, against PEFT, PyTorch, JAX, transformers and the searches of others (about 12 minutes for 135 million weights).

  --models NAME,NAME    ${Object.keys(models).join(', ')} (small,medium; stopping, per-module and soak: small)
  --threads N,N         (1,2; per-module, soak, large and real: as many as there are cores)
  --backends NAME,NAME  of ours: onnx, tensorflow, wasm (onnx)
  --quantities NAME,..  forward, gradient, product, product linearised, gemm (all of them)
  --rounds N            processes of each (5; real: 3, of steps and products), start vectors (spectrum), or runs (per-module)
  --repeats N           measurements in each process (10; real: 1)
  --seconds X           no new measurement in a process after so long (5)
  --quick               one round of three, the small model
  --no-peers            lambdamax alone
  --tasks NAME,NAME     families (math,commonsense,code,instructions)
  --cases N             random blocks of stopping and bounds (200)
  --products N          of soak (5000) and large (5)
  --dir PATH            where large keeps its checkpoint (.cache/bench/large), recommend its runs (fixtures/results)
  --stored              recommend: only what --dir has, nothing is run
  --steps N,N           of recommend's runs (100,1000)
  --set NAME            of recommend's configurations: tuned, on which its constants were chosen, or new (tuned)
  --seeds N,N           of recommend: the first runs whole sweeps, the others near its best rates (1)
  --only NAME,NAME      of recommend: sweeps, predictions, rivals, seeds, curvature (all of them)
  --methods NAME,NAME   of recommend: only these of the set
  --ranks N,N           of recommend: only these of the set
  --model DIR           of recommend (the bundled base) and real (none)
  --data FILE           of real: rows, in the model's chat template unless they are tokenised
  --parts NAME,NAME     of real (${parts.join(',')})
  --rows N              of real: rows a batch (4)
  --batches N           of real: batches of different lengths that training goes through (1)
  --max-length N        of real: tokens a row; the rest is cut (160)
  --tokens N            of real: scored tokens that lambda_max is taken of (100)
  --prompts N           of real: prompts that are continued (16)
  --new-tokens N        of real: by so many tokens (64)
  --python PATH         a Python with NumPy, PyTorch and JAX: bench/peers/requirements.txt (bench/.venv, or python3)
  --by-shape            profile: nodes of different shapes apart
  --json                one object on standard output
`;
