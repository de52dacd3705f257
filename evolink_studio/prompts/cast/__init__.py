"""The cast: named pictures of people, things and places, which `@name` in a prompt stands for."""
