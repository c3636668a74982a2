// The public surface of the status builders.
export { firstBlockingCause, refusalOf } from './blocking.ts';
export { quantityOf, quantityText } from './quantity.ts';
export { wantsMonitor } from './monitoring.ts';
export { routersBlock } from './routers.ts';
export { distinct, statusFor } from './status-for.ts';
export { invalidStatus, terminatingStatus } from './standstill.ts';
