import { type Values, viewTensors } from '../../compute/index.ts';
import { type AdapterLayout, layoutTensors } from '../layout/layout.ts';
import { type Adapter, emptyLayout } from './create.ts';

/** What an adapter is to a compiled graph: the layout that it is compiled for, and what it is fed besides a batch. */
export function adapterFeeds(adapter: Adapter | undefined): { readonly layout: AdapterLayout; readonly feeds: Values } {
  if (adapter === undefined) return { layout: emptyLayout(), feeds: new Map() };
  const { layout, parameters, weights } = adapter;
  return { layout, feeds: new Map([...viewTensors(parameters, layoutTensors(layout)), ...weights]) };
}
