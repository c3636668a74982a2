// Coverage for the fuzzer: server/src is instrumented as it is loaded, with a counter in every block, case and branch of an expression.
// V8's own precise coverage costs some thirty milliseconds each time it is read; these counters are an array. String literals of the
// source are kept as a dictionary. Must be imported before what it instruments.
import { registerHooks } from 'node:module';
import ts from 'typescript';

export const COUNTERS = new Uint8Array(1 << 16);
export const WORDS = new Set<string>();
const MAX_WORD = 32;
let next = 0;
(globalThis as { __fuzz?: Uint8Array }).__fuzz = COUNTERS;

const { factory } = ts;
const count = (): ts.Expression => factory.createPostfixIncrement(factory.createElementAccessExpression(factory.createIdentifier('__fuzz'), next++));
const counted = (expression: ts.Expression): ts.Expression => factory.createParenthesizedExpression(factory.createComma(count(), expression));
const first = (statements: readonly ts.Statement[]): ts.Statement[] => [factory.createExpressionStatement(count()), ...statements];
const BRANCHES = new Set([ts.SyntaxKind.AmpersandAmpersandToken, ts.SyntaxKind.BarBarToken, ts.SyntaxKind.QuestionQuestionToken]);

function instrumented(node: ts.Node): ts.Node {
  if (ts.isBlock(node)) return factory.updateBlock(node, first(node.statements));
  if (ts.isCaseClause(node)) return factory.updateCaseClause(node, node.expression, first(node.statements));
  if (ts.isDefaultClause(node)) return factory.updateDefaultClause(node, first(node.statements));
  if (ts.isIfStatement(node) && !ts.isBlock(node.thenStatement)) return factory.updateIfStatement(node, node.expression, factory.createBlock(first([node.thenStatement])), node.elseStatement);
  if (ts.isConditionalExpression(node)) return factory.updateConditionalExpression(node, node.condition, node.questionToken, counted(node.whenTrue), node.colonToken, counted(node.whenFalse));
  if (ts.isBinaryExpression(node) && BRANCHES.has(node.operatorToken.kind)) return factory.updateBinaryExpression(node, node.left, node.operatorToken, counted(node.right));
  return node;
}

const transformer: ts.TransformerFactory<ts.SourceFile> = (context) => {
  const visit = (node: ts.Node): ts.Node => {
    if (ts.isStringLiteral(node) && node.text.length > 0 && node.text.length <= MAX_WORD && !node.text.includes('.ts')) WORDS.add(node.text);
    return instrumented(ts.visitEachChild(node, visit, context));
  };
  return (file) => ts.visitEachChild(file, visit, context);
};

const OURS = /\/server\/src\/(protocols|http\/json|inference)/;
const OPTIONS: ts.CompilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ESNext, verbatimModuleSyntax: true };

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!OURS.test(url) || loaded.source === undefined || loaded.source === null) return loaded;
    const text = typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString('utf8');
    return { format: 'module', shortCircuit: true, source: ts.transpileModule(text, { compilerOptions: OPTIONS, transformers: { before: [transformer] }, fileName: url }).outputText };
  },
});

/** Counters placed so far. */
export const placed = (): number => next;
