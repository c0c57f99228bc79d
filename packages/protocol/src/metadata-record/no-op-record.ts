import { defineRecord } from '../schema/define-record.ts'

/** Changes nothing; lets the log move on while nothing happens (KIP-835). */
export const noOpRecord = defineRecord({ key: 20, name: 'NoOpRecord', versions: '0', fields: {} })
