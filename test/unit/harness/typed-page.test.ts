import { isAsShown, sectionsOf } from '../../harness/typed-page';

const fence = '```';
const block = (language: string, content: string) => `${fence}${language}\n${content}\n${fence}\n`;

describe('sectionsOf', () => {
  test('takes commands with the output that follows, by heading', () => {
    const page = [
      '# Page\n',
      ...['## One\n', block('sh', 'a\n## no heading'), 'words\n', block('text', 'out'), block('sh', 'b')],
      ...['## Words only\n', block('ts', 'let x;')],
      ...['## Two\n', block('sh', 'c')],
    ];
    expect(sectionsOf(page.join(''))).toEqual([
      {
        heading: 'One',
        steps: [
          { commands: 'a\n## no heading\n', output: 'out\n' },
          { commands: 'b\n', output: undefined },
        ],
      },
      { heading: 'Two', steps: [{ commands: 'c\n', output: undefined }] },
    ]);
  });

  test.each([
    ['commands before the first heading', block('sh', 'a')],
    ['an output of nothing', `## One\n${block('text', 'out')}`],
    ['two outputs of the same commands', `## One\n${block('sh', 'a')}${block('text', 'b')}${block('text', 'c')}`],
  ])('refuses %s', (_, page) => {
    expect(() => sectionsOf(page)).toThrow();
  });
});

describe('isAsShown', () => {
  test.each([
    ['the same', 'a.b (c)\n', 'a.b (c)\n'],
    ['other widths of columns, and empty lines', 'NAME  AGE\nx     …\n', '\nNAME   AGE\nx      12s  \n\n'],
    ['a word for …', 'pod/… created', 'pod/a-1 created\n'],
    ['some lines for a line …', 'first\n…\nlast', 'first\n2\n3\nlast'],
    ['no line for a line …', '…\nlast', 'last'],
  ])('takes %s', (_, shown, output) => {
    expect(isAsShown(shown, output)).toBe(true);
  });

  test.each([
    ['a line more', 'a', 'a\nb'],
    ['a line less', 'a\nb', 'a'],
    ['nothing for … within a line', 'pod/… created', 'pod/ created'],
    ['a line end for … within a line', 'a … b', 'a x\ny b'],
    ['another letter for a dot', 'a.b', 'axb'],
    ['nothing at all', 'a', ''],
  ])('rejects %s', (_, shown, output) => {
    expect(isAsShown(shown, output)).toBe(false);
  });
});
