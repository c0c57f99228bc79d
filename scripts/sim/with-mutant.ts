/** To be preloaded: the process runs with the bug that SIM_MUTANT names. `node --import ./scripts/sim/with-mutant.ts …` */
import { installMutant, MUTANT_VARIABLE } from '@millrace/sim/mutant-hook'
import { catalogue } from '@millrace/sim/mutants'

installMutant(process.env[MUTANT_VARIABLE], catalogue, new URL('../../', import.meta.url).href)
