export { MetadataLog, type MetadataLogOptions, type MetadataUpdate } from './metadata-log.ts'
export { MetadataLogError } from './metadata-log-error.ts'
