/** Tables for people: plain columns, numbers to the right, no frame, so that `grep` and `awk` work on them too. */
import Table from 'cli-table3'
import { paint } from './output.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

const NO_FRAME = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

export function table(columns: readonly Column[], rows: readonly (readonly (string | number)[])[]): string {
  const view = new Table({
    head: columns.map(({ title }) => paint('bold', title)),
    colAligns: columns.map(({ align = 'left' }) => align),
    chars: NO_FRAME,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  view.push(...rows.map((row) => row.map(String)))
  return view.toString().replace(/[ \t]+$/gm, '')
}
