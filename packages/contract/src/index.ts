export { errorCatalogue, type ErrorCode, type ErrorEntry } from './errors.ts';
