/** The fields of classes and interfaces as their sources declare them, private ones included. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import ts from "typescript"

/** Names of the fields of a declaration in a file, by its path from packages/, getters and methods left out. Throws when there is no such declaration. */
export const fieldsOf = (file: string, name: string): readonly string[] => {
  const path = fileURLToPath(new URL(`../../../${file}`, import.meta.url))
  const source = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true)
  const found: string[] = []
  let there = false
  const visit = (node: ts.Node): void => {
    if ((ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) && node.name?.text === name) {
      there = true
      for (const member of node.members) {
        const isField = ts.isPropertyDeclaration(member) || ts.isPropertySignature(member)
        const isStatic = ts.isPropertyDeclaration(member) && member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword)
        if (isField && !isStatic) found.push(member.name.getText(source))
        if (ts.isConstructorDeclaration(member))
          for (const parameter of member.parameters) if ((parameter.modifiers?.length ?? 0) > 0) found.push(parameter.name.getText(source))
      }
    }
    // const PE = { X: 0, ... }: a layout's fields are its keys
    if (ts.isVariableDeclaration(node) && node.name.getText(source) === name && node.initializer !== undefined) {
      const value = ts.isAsExpression(node.initializer) ? node.initializer.expression : node.initializer
      if (ts.isObjectLiteralExpression(value)) {
        there = true
        for (const property of value.properties) if (property.name !== undefined) found.push(property.name.getText(source))
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  if (!there) throw new Error(`${file} declares no ${name}`)
  return found
}
