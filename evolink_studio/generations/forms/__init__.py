"""POST data to typed values, and the form as a template needs it.

On the way: `FormData` is what was entered, `ModelSpec.evaluate` checks it (`FormEvaluation`), the
view adds balance and service (`EvaluatedForm`), `build_form` makes the controls of it
(`GenerationForm`, which is no Django form; `FormContext` is what each control sees of the others).
"""
